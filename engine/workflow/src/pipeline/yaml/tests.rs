use super::*;

fn faults(source: &str) -> Vec<String> {
    let (_, faults) = parse(source);
    faults
        .into_iter()
        .map(|f| format!("{}:{} [{}] {}", f.at.line, f.at.column, f.text, f.message))
        .collect()
}

fn only(source: &str) -> String {
    let mut all = faults(source);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn every_value_knows_its_place() {
    let (root, faults) = parse("a: 1\nb: { c: [x, \"y\"], é: ü }\n");
    assert_eq!(faults, []);
    let (key, b) = root.as_ref().unwrap().get("b").unwrap();
    assert_eq!(
        (key.at, b.at),
        (Span { line: 2, column: 1 }, Span { line: 2, column: 4 })
    );
    let (key, value) = b.get("é").unwrap();
    assert_eq!((key.at.column, value.at.column), (19, 22));
}

#[test]
fn duplicate_keys_name_both_places_and_reading_goes_on() {
    let source = "a: 1\nb: 2\na: 3\nb: 4\n";
    assert_eq!(
        faults(source),
        [
            "3:1 [a] duplicate key `a`; it stands already at line 1, column 1",
            "4:1 [b] duplicate key `b`; it stands already at line 2, column 1",
        ]
    );
    assert!(parse(source).0.is_some());
}

#[test]
fn aliases_are_values_but_not_bombs() {
    let (root, faults_) = parse("a: &x { k: 1 }\nb: *x\n");
    assert_eq!(faults_, []);
    assert_eq!(
        root.unwrap().to_json(),
        serde_json::json!({ "a": { "k": 1 }, "b": { "k": 1 } })
    );

    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for i in 1..30 {
        let before = vec![format!("*a{}", i - 1); 9].join(",");
        bomb.extend(["a", &i.to_string(), ": &a", &i.to_string(), " [", &before, "]\n"]);
    }
    let started = std::time::Instant::now();
    assert!(
        only(&bomb).contains("more than 20000 values"),
        "{:?}",
        faults(&bomb)
    );
    assert!(started.elapsed().as_millis() < 500);
    assert!(only("a: &x [*x]").contains("inside what it names"));
    assert!(only("a: *nope").starts_with("1:4 "));
}

#[test]
fn aliases_cannot_multiply_text() {
    let text = "x".repeat(500_000);
    let again = |alias: &str| vec![alias; 19_000].join(",");
    let nested = (0..20).map(|i| format!("&a{i} [")).collect::<Vec<_>>().concat();
    // As values, as keys, and inside of what is named.
    let bombs = [
        (format!("a: &x \"{text}\"\nb: [{}]\n", again("*x")), 2),
        (format!("a: &x \"{text}\"\nb: [{}]\n", again("{*x : 1}")), 2),
        (format!("a: &x {{ k: \"{text}\" }}\nb: [{}]\n", again("*x")), 2),
        (format!("a: &x {{ ? \"{text}\" : 1 }}\nb: [{}]\n", again("*x")), 2),
        // Each anchor holds a copy of its own.
        (format!("{nested}\"{text}\"{}", "]".repeat(20)), 1),
    ];
    for (bomb, line) in bombs {
        let started = std::time::Instant::now();
        let fault = only(&bomb);
        assert!(
            fault.contains("more than 4 MiB of text, aliases counted each time"),
            "{fault}"
        );
        assert!(fault.starts_with(&format!("{line}:")), "{fault}");
        assert!(started.elapsed().as_millis() < 500);
    }
    // Text that is long, and text that is named a few times, is none.
    let (root, faults_) = parse(&format!("a: &x \"{text}\"\nb: [{}]\n", ["*x"; 6].join(",")));
    assert!(root.is_some() && faults_.is_empty());
}

#[test]
fn depth_and_size_are_capped() {
    let flow = "[".repeat(5000);
    assert_eq!(faults(&flow).len(), 1);
    let nested = format!("{}{}", "[".repeat(40), "]".repeat(40));
    assert!(only(&nested).contains("nested deeper than 32"));
    let block = (0..3000).map(|i| " ".repeat(i) + "a:").collect::<Vec<_>>().join(
        "
",
    );
    assert_eq!(faults(&block).len(), 1);
    assert!(only(&" ".repeat(MAX_BYTES + 1)).contains("larger than 1 MiB"));
}

#[test]
fn what_is_no_pipeline_is_refused_with_a_hint() {
    for (source, expected) in [
        ("", "1:1 [] the file is empty"),
        ("# only a comment\n", "1:1 [] the file is empty"),
        ("a: 1\n---\nb: 2\n", "2:1 [---] a second document begins here"),
        ("a:\n\tb: 1\n", "indent with spaces, not tabs"),
        ("a: b: c\n", "in quotes"),
        ("a: @x\n", "put the text in quotes"),
        ("a: !tag x\n", "tags"),
        ("a: &x {}\nb: { <<: *x }\n", "merge keys"),
        ("? [a]\n: 1\n", "a key must be a plain word"),
        ("a: [1, 2\nb: 3\n", "this is not YAML"),
    ] {
        let fault = only(source);
        assert!(fault.contains(expected), "{source:?}: {fault}");
    }
}
