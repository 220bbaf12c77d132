//! Gives way to other programs a number of times: `yield TIMES`. Two of them at the same
//! time measure the switch from one to the other, in ticks of the time stamp counter.

use std::arch::x86_64::_rdtsc;
use std::{env, thread};

fn main() {
    let times: u64 = env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(1000);
    // SAFETY: the counter can be read in every ring.
    let start = unsafe { _rdtsc() };
    for _ in 0..times {
        thread::yield_now();
    }
    // SAFETY: as above.
    let ticks = unsafe { _rdtsc() } - start;
    println!("yield: {times} times, {} ticks each", ticks / times.max(1));
}
