//! What an ordinary program does: print, collect, hash, read files, know the time, sleep,
//! and end with a status. `hello STATUS` ends with that status.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};
use std::{env, fs, process, thread};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    println!("hello from ring 3: {arguments:?}");

    let squares: Vec<u64> = (0..100_000).map(|n| n * n).collect();
    println!(
        "Vec: the last of {} squares is {}",
        squares.len(),
        squares[squares.len() - 1]
    );

    let mut lengths: HashMap<usize, Vec<&str>> = HashMap::new();
    for word in "a guest kernel in ring one and its program in ring three".split(' ') {
        lengths.entry(word.len()).or_default().push(word);
    }
    println!("HashMap: words of four letters are {:?}", lengths[&4]);

    println!(
        "env: HOME is {}",
        env::var("HOME").unwrap_or_else(|error| error.to_string())
    );
    match fs::read_to_string("/etc/motd") {
        Ok(text) => println!("file: {}", text.trim_end()),
        Err(error) => println!("file: /etc/motd cannot be read: {error}"),
    }
    match fs::metadata("/hello") {
        Ok(about) => println!("metadata: /hello has {} bytes", about.len()),
        Err(error) => println!("metadata: {error}"),
    }
    match fs::read_dir("/") {
        Ok(entries) => {
            let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            names.sort();
            println!("directory: {names:?}");
        }
        Err(error) => println!("directory: {error}"),
    }

    let since_1970 = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    println!("time: {} days since 1970", since_1970.as_secs() / 86_400);
    let before = Instant::now();
    thread::sleep(Duration::from_millis(50));
    let slept = before.elapsed();
    println!(
        "sleep: {} 50 ms",
        if slept >= Duration::from_millis(50) {
            "at least"
        } else {
            "less than"
        }
    );

    let status = arguments
        .get(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    process::exit(status)
}
