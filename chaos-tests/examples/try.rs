//! Temporary.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "temporary")]
use chaos_tests::{lab::Lab, scenario::Scenario, target::Target};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let text = std::fs::read_to_string(&a[1]).unwrap();
    let mut s = Scenario::parse(&text, &a[1]).unwrap();
    if let Some(n) = a.get(2) {
        s = s.within(n.parse().unwrap());
    }
    let folder =
        format!("/tmp/kept-{}", std::path::Path::new(&a[1]).file_stem().unwrap().to_str().unwrap());
    std::fs::remove_dir_all(&folder).ok();
    let mut lab = Lab::new("/work/target-l/poste-lab".into(), folder.into()).keeping();
    let seed = std::env::var("SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    match lab.run(&s, seed, &mut |p| {
        if p.at_ms % 10_000 < 1000 {
            println!("{:>6} {}", p.at_ms / 1000, p.what)
        }
    }) {
        Err(e) => println!("NOT RUN {e}"),
        Ok(o) => {
            for v in &o.verdicts {
                println!(
                    "{:2} {:16} {} worst {:?}",
                    v.number,
                    v.name,
                    if v.breaches.is_empty() { "held" } else { "BROKEN" },
                    v.worst
                );
                for b in v.breaches.iter().take(4) {
                    println!("      {b}");
                }
            }
            println!(
                "converged {:?} sessions {} figures {:?} sometimes {:?}",
                o.converged_ms,
                o.stretches.iter().filter(|s| s.kind == "session").count(),
                o.figures,
                o.sometimes
            );
            println!("{}", if o.held() { "HELD" } else { "BROKEN" });
        }
    }
}
