use serde_json::{Map, Value, json};

use super::*;

fn leaf(name: &str) -> Value {
    json!({"node name": name, "value": null, "check item": format!("rule of {name}")})
}

fn branch(name: &str, condition: &str, children: Vec<Value>) -> Value {
    json!({"node name": name, "value": null, "condition": condition, "children": children})
}

/// A small tree with one wrong thing done to the node `cpu busy`.
fn spoiled(spoil: impl FnOnce(&mut Map<String, Value>)) -> TreeError {
    let mut node = branch("cpu busy", "user", vec![leaf("user")]);
    spoil(node.as_object_mut().expect("object"));
    Tree::parse(&branch("host is slow", "cpu busy", vec![node])).expect_err("refused")
}

#[test]
fn the_error_names_the_node_the_condition_and_the_nearest_name() {
    let tree = branch(
        "host is slow",
        "cpu busy || disk",
        vec![
            branch(
                "cpu busy",
                "system || cpu",
                vec![leaf("cpu user"), leaf("system")],
            ),
            leaf("disk"),
        ],
    );
    let error = Tree::parse(&tree).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "host is slow / cpu busy: condition names \"cpu\", but the children are \"cpu user\", \"system\"; \
         did you mean \"cpu user\"?"
    );
    assert_eq!(error.path, ["host is slow", "cpu busy"]);
    assert_eq!(error.column, Some(11));
}

/// Specification H.4 row 41, refused at import already.
#[test]
fn a_missing_condition_and_the_name_of_a_grandchild_are_refused() {
    let error = spoiled(|node| {
        node.remove("condition");
    });
    assert_eq!(
        error.to_string(),
        "host is slow / cpu busy: \"condition\" is missing (a leaf would have \"check item\")"
    );

    let inner = branch("inner", "leaf", vec![leaf("leaf")]);
    let error = Tree::parse(&branch("root", "leaf", vec![inner])).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "root: condition names \"leaf\", but the children are \"inner\""
    );
}

#[test]
fn wrong_nodes_are_refused_with_their_path() {
    let set = |key: &'static str, value: Value| {
        move |node: &mut Map<String, Value>| {
            node.insert(key.to_owned(), value);
        }
    };
    let here = "host is slow / cpu busy: ";
    for (error, expected) in [
        (
            spoiled(set("condition", json!(7))),
            "\"condition\" must be a text",
        ),
        (spoiled(set("condition", json!(" "))), "the condition is empty"),
        (spoiled(set("children", json!([]))), "\"children\" is empty"),
        (spoiled(set("children", json!({}))), "\"children\" must be a list"),
        (
            spoiled(set("value", json!("yes"))),
            "\"value\" must be null, true or false",
        ),
        (spoiled(set("advice", json!(1))), "\"advice\" must be a text"),
        (
            spoiled(set("description", json!([]))),
            "\"description\" must be a text",
        ),
        (
            spoiled(set("for each", json!(["device"]))),
            "\"for each\" must be a text",
        ),
        (
            spoiled(set("for each", json!(""))),
            "\"for each\" must have 1 to 128 characters",
        ),
        (
            spoiled(set("combine", json!("any"))),
            "\"combine\" is there without \"for each\"",
        ),
        (
            spoiled(|node| {
                node.insert("for each".to_owned(), json!("cpu"));
                node.insert("combine".to_owned(), json!("most"));
            }),
            "\"combine\" must be \"any\" or \"all\"",
        ),
        (
            spoiled(|node| {
                node.remove("condition");
                node.insert("check_item".to_owned(), json!("a"));
            }),
            "\"condition\" is missing; is \"check_item\" meant to be \"check item\"?",
        ),
        (
            spoiled(|node| {
                *node = leaf("cpu busy").as_object().expect("object").clone();
                node.insert("for each".to_owned(), json!("cpu"));
            }),
            "a leaf cannot have \"for each\"; put it on a branch with this leaf as its child",
        ),
        (
            spoiled(set("check item", json!("x"))),
            "a node has either a check item or a condition and children; this one has \"check item\" and \"condition\"",
        ),
        (
            spoiled(|node| {
                node.remove("value");
            }),
            "\"value\" is missing; write \"value\": null",
        ),
        (
            spoiled(|node| {
                node.remove("children");
            }),
            "\"children\" is missing",
        ),
    ] {
        assert_eq!(error.to_string(), format!("{here}{expected}"));
    }
}

#[test]
fn wrong_names_are_refused() {
    let too_long = "名".repeat(MAX_NAME_CHARACTERS + 1);
    for (name, expected) in [
        (
            json!(""),
            "host is slow / (child 1): \"node name\" must have 1 to 128 characters",
        ),
        (
            json!(too_long),
            "host is slow / (child 1): \"node name\" must have 1 to 128 characters",
        ),
        (json!(3), "host is slow / (child 1): \"node name\" must be a text"),
        (
            json!("a\u{7}"),
            "host is slow / (child 1): \"node name\" contains a control character",
        ),
        (
            json!(" a"),
            "host is slow / (child 1): \"node name\" begins or ends with a blank",
        ),
        (
            json!("a && b"),
            "host is slow / a && b: the name contains \"&&\": no condition could name this node",
        ),
    ] {
        let error = spoiled(|node| {
            node.insert("node name".to_owned(), name);
        });
        assert_eq!(error.to_string(), expected);
    }
    let longest = "名".repeat(MAX_NAME_CHARACTERS);
    let mut node = leaf(&longest);
    node["check item"] = json!(longest);
    assert!(Tree::parse(&branch("root", &longest, vec![node])).is_ok());

    let twins = branch("root", "a", vec![leaf("a"), leaf("a")]);
    let error = Tree::parse(&twins).expect_err("refused");
    assert_eq!(error.to_string(), "root / a: a sibling has the same name");

    let mut item = leaf("a");
    item["check item"] = json!("x,y");
    let error = Tree::parse(&branch("root", "a", vec![item])).expect_err("refused");
    assert_eq!(
        error.to_string(),
        "root / a: \"check item\" contains a comma, which no rule's name may"
    );
}

#[test]
fn the_root_must_be_a_branch() {
    for (content, expected) in [
        (json!(null), "(root): a node must be an object"),
        (json!([]), "(root): a node must be an object"),
        (json!({}), "(root): \"node name\" is missing"),
        (
            leaf("a"),
            "a: the root must have a condition and children, not a check item",
        ),
        (
            branch("a", "b", vec![json!(5)]),
            "a / (child 1): a node must be an object",
        ),
    ] {
        let error = Tree::parse(&content).expect_err("refused");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn depth_and_size_have_limits() {
    let chain = |levels: usize| (1..levels).fold(leaf("n"), |below, _| branch("n", "n", vec![below]));
    assert!(Tree::parse(&chain(MAX_DEPTH)).is_ok());
    let error = Tree::parse(&chain(MAX_DEPTH + 1)).expect_err("too deep");
    assert_eq!(error.reason, "a tree may have 60 levels at most");
    assert_eq!(error.path.len(), MAX_DEPTH + 1);

    let wide = |leaves: usize| {
        let children = (0..leaves).map(|number| leaf(&format!("n{number}"))).collect();
        branch("root", "n0", children)
    };
    assert!(Tree::parse(&wide(MAX_NODES - 1)).is_ok());
    let error = Tree::parse(&wide(MAX_NODES)).expect_err("too many");
    assert_eq!(error.reason, "a tree may have 10000 nodes at most");
}

#[test]
fn check_items_come_once_and_in_tree_order() {
    let tree = branch(
        "root",
        "z && b && z2",
        vec![
            leaf("z"),
            branch("b", "a && z", vec![leaf("a"), leaf("z")]),
            leaf("z2"),
        ],
    );
    let tree = Tree::parse(&tree).expect("valid");
    assert_eq!(tree.check_items(), ["rule of z", "rule of a", "rule of z2"]);
}

#[test]
fn all_that_is_wrong_is_told_in_order_up_to_a_limit() {
    let mut inner = branch("inner", "leaf && lef", vec![leaf("leaf"), leaf("other")]);
    inner["children"][1]["check item"] = json!(1);
    let tree = branch("root", "|| inner", vec![inner, leaf("x")]);
    let errors: Vec<String> = Tree::read(&tree)
        .expect_err("refused")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        errors,
        [
            "root: the condition has \"||\" where a name is expected",
            "root / inner: condition names \"lef\", but the children are \"leaf\", \"other\"; did you mean \"leaf\"?",
            "root / inner / other: \"check item\" must be a text",
        ]
    );

    let children = (0..50)
        .map(|number| json!({ "node name": format!("n{number}") }))
        .collect();
    let errors = Tree::read(&branch("root", "n0", children)).expect_err("refused");
    assert_eq!(errors.len(), MAX_ERRORS);
    assert_eq!(errors[1].path, ["root", "n1"]);
}

/// What is imported can be read back.
#[test]
fn values_of_keys_without_a_meaning_have_a_depth_that_counts() {
    let nested = |depth: usize| (1..depth).fold(json!([]), |inner, _| json!([inner]));
    let chain = |depth: usize| {
        let mut deepest = leaf("n");
        deepest["note"] = nested(depth);
        (1..MAX_DEPTH).fold(deepest, |below, _| branch("n", "n", vec![below]))
    };
    let tree = chain(1);
    assert!(Tree::parse(&tree).is_ok());
    assert!(serde_json::from_str::<Value>(&tree.to_string()).is_ok());
    let error = Tree::parse(&chain(2)).expect_err("too deep");
    assert_eq!(
        error.reason,
        "the value of \"note\" is nested too deep: with the levels above it there are 121 objects and lists inside each \
         other, 120 at most"
    );
    let mut root = branch("n", "n", vec![leaf("n")]);
    root["for each"] = json!("device");
    root["note"] = nested(MAX_JSON_DEPTH - 2);
    assert!(Tree::parse(&root).is_err(), "a copy of it lies deeper");
    root["note"] = nested(MAX_JSON_DEPTH - 3);
    assert!(Tree::parse(&root).is_ok());
}

#[test]
fn a_node_with_for_each_counts_as_two_levels() {
    let copied = |below: Value| {
        let mut node = branch("n", "n", vec![below]);
        node["for each"] = json!("device");
        node
    };
    let chain = |levels: usize| (1..levels).fold(leaf("n"), |below, _| copied(below));
    assert!(Tree::parse(&chain(MAX_DEPTH / 2)).is_ok());
    let error = Tree::parse(&chain(MAX_DEPTH / 2 + 1)).expect_err("too deep");
    assert!(error.reason.contains("counts as two"), "{error}");
}
