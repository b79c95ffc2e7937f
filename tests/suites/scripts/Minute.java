// Long enough for HotSpot to compile, deoptimize and collect many times.
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

public class Minute {
	interface Shape {
		double area();
	}

	record Square(double side) implements Shape {
		public double area() {
			return side * side;
		}
	}

	record Circle(double radius) implements Shape {
		public double area() {
			return Math.PI * radius * radius;
		}
	}

	record Flat() implements Shape {
		public double area() {
			throw new ArithmeticException();
		}
	}

	static Shape shape(int i, int round) {
		if (i % 3 == 0)
			return new Square(i);
		if (round > 5 && i % 997 == 0)
			return new Flat();
		return new Circle(i);
	}

	static long round(int round, ConcurrentHashMap<Integer, Long> shared) {
		Map<String, Integer> words = new HashMap<>();
		StringBuilder text = new StringBuilder();
		double sum = 0;
		int caught = 0;
		for (int i = 0; i < 60000; i++) {
			text.append((char) ('a' + (i * 7 + round) % 26));
			if (text.length() > 5) {
				words.merge(text.toString(), 1, Integer::sum);
				text.setLength(0);
			}
			try {
				sum += shape(i, round).area();
			} catch (ArithmeticException e) {
				caught++;
			}
			shared.merge(i % 512, 1L, Long::sum);
		}
		return words.size() * 31L + caught + Double.hashCode(sum);
	}

	public static void main(String[] args) throws Exception {
		int rounds = Integer.parseInt(args[0]);
		ConcurrentHashMap<Integer, Long> shared =
			new ConcurrentHashMap<>();
		AtomicLong total = new AtomicLong();
		Thread[] threads = new Thread[4];
		for (int t = 0; t < threads.length; t++) {
			final int id = t;
			threads[t] = new Thread(() -> {
				for (int r = 0; r < rounds; r++)
					total.addAndGet(round(r + id, shared));
			});
			threads[t].start();
		}
		for (Thread t : threads)
			t.join();
		long all = 0;
		for (long v : shared.values())
			all += v;
		System.out.println(total.get() + " " + all);
	}
}
