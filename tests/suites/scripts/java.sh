# javac, then the same class under each of HotSpot's modes and collectors.
JAVA_HOME=$(echo /usr/lib/jvm/java-21-openjdk-*)
export PATH=$JAVA_HOME/bin:$PATH
javac -d . Threads.java
java -cp . Threads
java -Xint -cp . Threads
java -XX:TieredStopAtLevel=1 -cp . Threads
java -XX:-TieredCompilation -Xbatch -cp . Threads
java -XX:+UseSerialGC -cp . Threads
java -XX:+UseParallelGC -cp . Threads
java -XX:+UseG1GC -Xmx64m -cp . Threads
java -XX:+UseZGC -XX:+ZGenerational -cp . Threads
java -XX:+UseShenandoahGC -cp . Threads
cat > Long.txt <<'END'
int[] seen = new int[2000003];
long h = 0;
for (int round = 0; round < 20; round++)
	for (int i = 1; i < 2000003; i += 1 + (i & 7))
		h = h * 31 + (seen[i] += round ^ i);
System.out.println(h);
System.out.println(java.util.stream.IntStream.range(0, 3000000).parallel()
	.filter(x -> Integer.bitCount(x) % 3 == 0).count());
/exit
END
mkdir -p .java/.userPrefs # else it says, with the time, that it makes one
jshell -J-Djava.util.prefs.userRoot="$PWD" -s Long.txt
