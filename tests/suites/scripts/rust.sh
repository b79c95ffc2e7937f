# rustc builds and runs: threads, channels, panics that unwind.
cat > p.rs <<'END'
use std::collections::BTreeMap;
use std::sync::{mpsc, Arc, Mutex};
use std::thread;
fn main() {
    let (tx, rx) = mpsc::channel();
    let total = Arc::new(Mutex::new(0u64));
    let hs: Vec<_> = (0..6u64).map(|i| {
        let (tx, total) = (tx.clone(), total.clone());
        thread::spawn(move || {
            let mut m = BTreeMap::new();
            for k in 0..2000u64 {
                *m.entry(k * (i + 3) % 97).or_insert(0u64) += k;
            }
            *total.lock().unwrap() += m.values().sum::<u64>();
            tx.send((i, m.len())).unwrap();
        })
    }).collect();
    drop(tx);
    for h in hs { h.join().unwrap(); }
    let mut got: Vec<_> = rx.iter().collect();
    got.sort();
    println!("{:?} {}", got, total.lock().unwrap());
    std::panic::set_hook(Box::new(|_| {}));
    let r = std::panic::catch_unwind(|| {
        let v = vec![1, 2, 3];
        v[std::hint::black_box(7)]
    });
    println!("caught {}", r.is_err());
}
END
rustc -O -o p p.rs
./p
rustc -C opt-level=0 -g -o q p.rs
./q
