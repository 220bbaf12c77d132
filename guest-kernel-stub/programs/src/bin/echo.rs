//! Says each line of its input back, until the input ends (Ctrl-D).

use std::io;

fn main() {
    for line in io::stdin().lines() {
        match line {
            Ok(line) => println!("echo: {line}"),
            Err(error) => println!("echo: {error}"),
        }
    }
}
