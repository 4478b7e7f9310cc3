#![allow(clippy::unwrap_used)]
use claimstream::claim::Assembler;
use claimstream::guide::walker::{Placed, Walker};
use claimstream::ids::Form;
use claimstream::tables::guides::guide;
use claimstream::x12::tokenizer::for_each_segment;
fn main() {
    let bytes = std::fs::read(std::env::args().nth(1).unwrap()).unwrap();
    let rounds: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let keep = std::env::args().nth(3).is_some();
    for _ in 0..rounds {
        let start = std::time::Instant::now();
        let mut walker = Walker::new(guide(Form::Professional).unwrap());
        let mut assembler = Assembler::new(Form::Professional);
        let (mut segments, mut claims) = (0, 0);
        let mut kept = Vec::new();
        for_each_segment(&bytes, 256 * 1024, |segment| {
            segments += 1;
            if segment.at.ordinal > 0 {
                let Placed { loop_id, starts_loop, .. } = walker.accept(segment);
                if let Some(assembled) = assembler.accept(segment, loop_id, starts_loop) {
                    claims += 1;
                    if keep {
                        kept.push(assembled);
                    } else {
                        std::hint::black_box(assembled);
                    }
                    if kept.len() == 512 {
                        kept.clear();
                    }
                }
            }
        })
        .unwrap();
        println!("{segments} segments {claims} claims {:?}", start.elapsed());
    }
}
