//! What judged peers do with their lanes.

use std::time::Duration;

use actors::link::intake::LinkEvent;
use actors::link::lane::Lane;
use actors::link::outbound::Unsent;

use crate::world::{pair, until, within};

#[tokio::test(flavor = "multi_thread")]
async fn frames_pass_both_ways_on_every_lane_in_order() {
    let (mut a, a_to_b, mut b, b_to_a) = pair(1, 2).await;
    for lane in Lane::ALL {
        let longest = vec![7; lane.max_frame()];
        for frame in [vec![1], longest.clone(), vec![2, 2]] {
            a_to_b.send(lane, frame.clone()).unwrap();
            b_to_a.send(lane, frame).unwrap();
        }
        for node in [&mut a, &mut b] {
            for expected in [vec![1], longest.clone(), vec![2, 2]] {
                match node.event().await {
                    LinkEvent::Frame { lane: on, bytes, .. } => {
                        assert_eq!(on, lane);
                        assert!(bytes == expected);
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_nobody_reads_does_not_hold_up_uses() {
    let (_a, a_to_b, mut b, _b_to_a) = pair(3, 4).await;
    // Ledger frames are taken out of the channel and kept: none of their places comes back.
    let mut kept = Vec::new();
    within("the ledger lane fills up end to end", async {
        loop {
            match a_to_b.send(Lane::Ledger, vec![0; 64 * 1024]) {
                Ok(()) => {}
                Err(Unsent::Full) if kept.len() == 96 => break,
                Err(Unsent::Full) => tokio::time::sleep(Duration::from_millis(5)).await,
                Err(other) => panic!("{other}"),
            }
            while let Ok(event) = b.events.try_recv() {
                kept.push(event);
            }
        }
    })
    .await;
    assert!(a_to_b.take_lagging());
    for number in 0..1000u32 {
        let frame = number.to_le_bytes().to_vec();
        until("room on the uses lane", async || a_to_b.send(Lane::Uses, frame.clone()).is_ok())
            .await;
        match b.event().await {
            LinkEvent::Frame { lane: Lane::Uses, bytes, .. } => assert_eq!(bytes, frame),
            other => panic!("{other:?}"),
        }
    }
    // Once the frames are let go, the ledger flows again.
    kept.clear();
    assert!(matches!(b.event().await, LinkEvent::Frame { lane: Lane::Ledger, .. }));
}
