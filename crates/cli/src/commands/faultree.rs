//! `aops faultree`: how anomalies lead to a root cause.

use std::path::PathBuf;

use aops_api::tree::{TreeDocument, TreeImportRequest, TreeListRequest, TreeRow};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::import;
use crate::arguments::List;
use crate::context::{Context, check};
use crate::failure::Failure;
use crate::{documents, screen};

const EXPORT_NAME: &str = "fault_trees.json";

/// Fault trees: how anomalies lead to a root cause.
///
/// A file of trees is JSON: either one tree, which --tree_list names, or
/// {"trees": [{"tree_name": NAME, "tree_content": TREE}]}, of which --tree_list may pick some.
/// What --export writes can be added again.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// The file of trees to add.
    #[arg(long, required_if_eq("action", "add"), value_name = "FILE")]
    conf: Option<PathBuf>,

    /// Names of trees, separated by commas; to get: all without it.
    #[arg(
        long = "tree_list",
        alias = "tree-list",
        required_if_eq("action", "delete"),
        value_name = "NAMES"
    )]
    tree_list: Option<List>,

    /// Where to write the trees that were got: a file, or a folder for a file fault_trees.json.
    #[arg(long, value_name = "PATH")]
    export: Option<PathBuf>,

    /// Description of the one tree that is added.
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Add the trees of a file; a tree of the same name is replaced.
    Add,
    /// List trees, or export them.
    Get,
    /// Delete trees.
    Delete,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Add => add(arguments, context).await,
        Action::Get => get(arguments, context).await,
        Action::Delete => delete(arguments, context).await,
    }
}

async fn add(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let content = documents::read(&arguments.conf.unwrap_or_default())?;
    let names = List::of(arguments.tree_list);
    let body = import_body(content, &names, arguments.description).map_err(Failure::Usage)?;
    let answered = context
        .platform
        .call(Method::POST, "/diag/tree/import", &body)
        .await;
    import::finish(&context.receive(answered)?, context)
}

/// The body of an import. What the file holds travels as it is: a field that we do not know is the platform's to refuse.
fn import_body(content: Value, names: &[String], description: Option<String>) -> Result<Value, String> {
    let Value::Object(mut object) = content else {
        return Err("the file holds neither a tree nor {\"trees\": […]}".to_owned());
    };
    if !object.contains_key("trees") {
        let [name] = names else {
            return Err("the file holds one tree: name it with --tree_list NAME".to_owned());
        };
        let description = description.unwrap_or_default();
        return Ok(json!({
            "trees": [{ "tree_name": name, "tree_content": object, "description": description }]
        }));
    }
    if description.is_some() {
        return Err("--description is for a file of one tree; here each tree has its own".to_owned());
    }
    if let Some(Value::Array(trees)) = object.get_mut("trees")
        && !names.is_empty()
    {
        let is = |tree: &Value, name: &String| tree["tree_name"].as_str() == Some(name);
        if let Some(name) = names.iter().find(|name| !trees.iter().any(|tree| is(tree, name))) {
            return Err(format!("the file holds no tree '{name}'"));
        }
        trees.retain(|tree| names.iter().any(|name| is(tree, name)));
    }
    Ok(Value::Object(object))
}

async fn get(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = TreeListRequest {
        tree_list: List::of(arguments.tree_list),
    };
    let outcome = context.receive(context.platform.trees(&request).await)?;
    let Some(path) = arguments.export else {
        let Some(answer) = context.finish(outcome)? else {
            return Ok(());
        };
        let header = ["tree_name", "root", "description"];
        return screen::print(&screen::table(header, answer.trees.into_iter().map(row)));
    };
    check(&outcome)?;
    let rows = outcome.payload.map(|answer| answer.trees).unwrap_or_default();
    let trees: Vec<TreeDocument> = rows.into_iter().map(document).collect();
    let count = trees.len();
    let path = documents::write(&path, EXPORT_NAME, &TreeImportRequest { trees })?;
    screen::note(&format!("{count} trees written to {}", path.display()));
    Ok(())
}

fn row(tree: TreeRow) -> [String; 3] {
    let root = tree.tree_content["node name"].as_str().unwrap_or_default();
    [tree.tree_name, root.to_owned(), tree.description]
}

fn document(tree: TreeRow) -> TreeDocument {
    TreeDocument {
        tree_name: tree.tree_name,
        tree_content: tree.tree_content,
        description: tree.description,
    }
}

async fn delete(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = TreeListRequest {
        tree_list: List::required(arguments.tree_list, "--tree_list")?,
    };
    match context.take(context.platform.delete_trees(&request).await)? {
        Some(_) => screen::print("deleted"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_tree_gets_its_name_from_the_option() {
        let tree = json!({ "node name": "root", "value": null });
        let body = import_body(tree.clone(), &names(&["a"]), Some("why".to_owned())).expect("valid");
        assert_eq!(
            body,
            json!({ "trees": [{ "tree_name": "a", "tree_content": tree, "description": "why" }] })
        );
        for wrong in [&[][..], &["a", "b"]] {
            let refusal = import_body(tree.clone(), &names(wrong), None).expect_err("refused");
            assert!(refusal.contains("--tree_list NAME"), "{refusal}");
        }
    }

    #[test]
    fn of_several_trees_some_may_be_picked() {
        let content = json!({ "trees": [{ "tree_name": "a" }, { "tree_name": "b" }], "more": 1 });
        let all = import_body(content.clone(), &[], None).expect("valid");
        assert_eq!(all, content);
        let some = import_body(content.clone(), &names(&["b"]), None).expect("valid");
        assert_eq!(some, json!({ "trees": [{ "tree_name": "b" }], "more": 1 }));
        let refusal = import_body(content.clone(), &names(&["c"]), None).expect_err("refused");
        assert_eq!(refusal, "the file holds no tree 'c'");
        assert!(import_body(content, &[], Some("x".to_owned())).is_err());
    }

    #[test]
    fn what_is_no_object_is_no_tree() {
        for content in [json!([]), json!("x"), json!(null)] {
            assert!(import_body(content, &names(&["a"]), None).is_err());
        }
    }
}
