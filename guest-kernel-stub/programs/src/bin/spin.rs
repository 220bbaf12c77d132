//! Counts for a while and says how far it came: `spin NAME MILLISECONDS`. Two of them at
//! the same time show time slices, and that each keeps its floating point registers.

use std::env;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "spin".into());
    let duration = Duration::from_millis(
        arguments
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or(200),
    );
    let start = Instant::now();
    let mut rounds = 0_u64;
    while start.elapsed() < duration {
        let mut sum = 0.0;
        for n in 0..1000 {
            sum += black_box(f64::from(n)) * 0.5;
        }
        assert_eq!(
            sum, 249_750.0,
            "{name}: the floating point registers are not its own"
        );
        rounds += 1;
    }
    println!("{name}: {} rounds", if rounds > 0 { "some" } else { "no" });
}
