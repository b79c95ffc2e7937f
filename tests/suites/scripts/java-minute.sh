# One program for about a minute, JIT on: maps, strings, threads, locks.
JAVA_HOME=$(echo /usr/lib/jvm/java-21-openjdk-*)
export PATH=$JAVA_HOME/bin:$PATH
javac -d . Minute.java
java -Xmx256m -cp . Minute "${ROUNDS:-60}"
