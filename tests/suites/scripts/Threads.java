// Threads, locks, the collector and caught faults; prints the same each time.
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

public class Threads {
	private static Object none;

	private static long work(int id) {
		TreeMap<Integer, String> map = new TreeMap<>();
		int x = id * 0x9e3779b9 + 1;
		long h = 0;
		for (int i = 0; i < 400; i++) {
			x ^= x << 13;
			x ^= x >>> 17;
			x ^= x << 5;
			map.put(x, Integer.toHexString(x));
			try {
				h = h * 31 + none.hashCode();
			} catch (NullPointerException e) {
				h++;
			}
		}
		for (String s : map.values())
			h = h * 31 + s.hashCode();
		return h;
	}

	public static void main(String[] args) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		List<Callable<Long>> jobs = new ArrayList<>();
		for (int i = 0; i < 16; i++) {
			final int id = i;
			jobs.add(() -> work(id));
		}
		long h = 0;
		for (Future<Long> f : pool.invokeAll(jobs))
			h = h * 131 + f.get();
		pool.shutdown();
		System.gc();
		System.out.println(Long.toHexString(h));
	}
}
