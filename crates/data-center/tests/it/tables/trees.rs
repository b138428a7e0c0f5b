use aops_api::SYSTEM_OWNER;
use aops_api::tree::{TreeDocument, TreeListRequest};
use aops_data_center::Error;
use aops_data_center::store::Tables;
use serde_json::json;

use super::NOW_MS;
use crate::backend::{Backend, contract};

contract!(
    trees_are_added_replaced_and_deleted,
    trees_of_the_system_can_be_overridden
);

fn tree(name: &str, description: &str) -> TreeDocument {
    TreeDocument {
        tree_name: name.to_owned(),
        tree_content: json!({"node name": "根", "z": 1, "a": {"y": null}, "children": []}),
        description: description.to_owned(),
    }
}

async fn list(tables: &Tables, owner: &str, names: &[&str]) -> Vec<(String, String)> {
    let request = TreeListRequest {
        tree_list: names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let trees = tables.trees(owner, &request).await.expect("listed");
    trees
        .into_iter()
        .map(|tree| (tree.tree_name, tree.description))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

async fn trees_are_added_replaced_and_deleted(backend: &Backend) {
    let tables = backend.open().await;
    let answer = tables
        .add_trees("ann", &[tree("b", "1"), tree("a", "2")], NOW_MS)
        .await
        .expect("added");
    assert_eq!(answer.succeed_list, ["b", "a"]);
    let answer = tables
        .add_trees("ann", &[tree("b", "3"), tree("a", "2"), tree("c", "4")], NOW_MS)
        .await
        .expect("replaced");
    assert_eq!(
        (answer.succeed_list, answer.update_list.len()),
        (vec!["c".to_owned()], 2)
    );
    assert_eq!(
        list(&tables, "ann", &[]).await,
        pairs(&[("b", "3"), ("a", "2"), ("c", "4")])
    );
    assert_eq!(
        list(&tables, "ann", &["c", "x", "b"]).await,
        pairs(&[("c", "4"), ("b", "3")])
    );
    assert_eq!(list(&tables, "bob", &[]).await, []);

    let stored = tables
        .trees("ann", &TreeListRequest::default())
        .await
        .expect("listed");
    let content = serde_json::to_string(&stored[0].tree_content).expect("JSON");
    assert_eq!(
        content, r#"{"node name":"根","z":1,"a":{"y":null},"children":[]}"#,
        "as it came in"
    );

    tables
        .delete_trees("ann", &["a".to_owned(), "x".to_owned()])
        .await
        .expect("deleted");
    tables
        .delete_trees("bob", &["b".to_owned()])
        .await
        .expect("nothing of bob's");
    assert_eq!(list(&tables, "ann", &[]).await, pairs(&[("b", "3"), ("c", "4")]));
    let twice = tables
        .add_trees("ann", &[tree("d", ""), tree("d", "")], NOW_MS)
        .await;
    assert!(matches!(twice, Err(Error::Invalid(_))), "{twice:?}");
}

async fn trees_of_the_system_can_be_overridden(backend: &Backend) {
    let tables = backend.open().await;
    tables
        .add_trees(SYSTEM_OWNER, &[tree("a", "s"), tree("b", "s")], NOW_MS)
        .await
        .expect("added");
    tables
        .add_trees("ann", &[tree("a", "own")], NOW_MS)
        .await
        .expect("added");
    assert_eq!(
        list(&tables, "ann", &[]).await,
        pairs(&[("a", "own"), ("b", "s")])
    );
    assert_eq!(list(&tables, "bob", &[]).await, pairs(&[("a", "s"), ("b", "s")]));
}
