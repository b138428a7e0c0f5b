use aops_api::Shard;
use aops_api::schedule::{Cursor, CursorMoveRequest};
use aops_data_center::store::Tables;

use crate::backend::{Backend, contract};

contract!(a_cursor_moves_from_where_it_is, of_many_only_one_moves_a_cursor);

fn shard(number: u8) -> Shard {
    Shard::from_number(number).expect("a shard")
}

async fn moved(tables: &Tables, number: u8, expected_ms: Option<i64>, position_ms: i64) -> bool {
    let request = CursorMoveRequest {
        shard: shard(number),
        expected_ms,
        position_ms,
    };
    tables.move_cursor(&request).await.expect("tried")
}

async fn a_cursor_moves_from_where_it_is(backend: &Backend) {
    let tables = backend.open().await;
    assert!(tables.cursors().await.expect("listed").cursors.is_empty());
    assert!(!moved(&tables, 7, Some(10), 20).await, "there is none");
    assert!(moved(&tables, 7, None, 10).await);
    assert!(!moved(&tables, 7, None, 10).await, "there is one");
    assert!(moved(&tables, 7, Some(10), 20).await);
    assert!(!moved(&tables, 7, Some(10), 20).await, "it is further");
    assert!(moved(&tables, 7, Some(20), 20).await, "moved to where it is");
    assert!(moved(&tables, 3, None, 5).await);
    let cursors = backend.open().await.cursors().await.expect("listed").cursors;
    let cursor = |number, position_ms| Cursor {
        shard: shard(number),
        position_ms,
    };
    assert_eq!(cursors, [cursor(3, 5), cursor(7, 20)]);
    let beyond: CursorMoveRequest =
        serde_json::from_str(r#"{"shard":64,"expected_ms":null,"position_ms":1}"#).expect("readable");
    assert!(tables.move_cursor(&beyond).await.is_err());
}

async fn of_many_only_one_moves_a_cursor(backend: &Backend) {
    let tables = backend.open().await;
    for expected_ms in [None, Some(1)] {
        let mut moving = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let tables = tables.clone();
            moving.spawn(async move { moved(&tables, 0, expected_ms, expected_ms.unwrap_or(0) + 1).await });
        }
        let winners = moving.join_all().await.into_iter().filter(|moved| *moved).count();
        assert_eq!(winners, 1);
    }
}
