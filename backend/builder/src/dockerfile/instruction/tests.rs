//! What instructions mean, and how wrong ones are refused.

use proptest::prelude::*;

use super::*;

fn only(text: &str) -> Instruction {
    let file = parse_fragment(text).unwrap_or_else(|refusal| panic!("{text}\n{refusal}"));
    let [statement] = <[Statement; 1]>::try_from(file.statements).expect("one instruction");
    statement.instruction
}

/// Line, column and whole text of the first complaint.
fn refused(text: &str) -> (u32, u32, String) {
    let refusal = parse(text).expect_err(text);
    let first = &refusal.diagnostics()[0];
    (first.line, first.column, first.to_string())
}

#[test]
fn wrong_files_are_refused_at_the_place_with_a_hint() {
    for (text, line, column, part) in [
        ("FROM a\nRUNN x", 2, 1, "did you mean RUN?"),
        ("FROM a\n  copy --form=b x /", 2, 8, "did you mean --from?"),
        ("FROM a\nCOPY x", 2, 1, "at least one source"),
        ("FROM a\nENV A", 2, 5, "write ENV A=value"),
        ("FROM a\nENV A=b \\\n  C D=e", 3, 3, "has no ="),
        ("FROM a AS 1b", 1, 11, "no name for a stage"),
        ("FROM a b", 1, 8, "FROM image AS name"),
        ("RUN x", 1, 1, "before FROM"),
        ("ARG a", 1, 1, "no FROM"),
        ("FROM a\nRUN [1]", 2, 5, "strings only"),
        ("FROM a\nRUN cat <<EOF\nx\n", 2, 1, "never closed"),
        ("FROM a\nONBUILD ONBUILD RUN x", 2, 9, "cannot be a trigger"),
        ("FROM a\nONBUILD RUNN x", 2, 9, "did you mean RUN?"),
        ("FROM a\nHEALTHCHECK CONNECT x", 2, 13, "CMD or NONE"),
        ("FROM a\nHEALTHCHECK --interval=x CMD y", 2, 13, "30s"),
        ("FROM a\nSHELL /bin/sh", 2, 1, "JSON array"),
        ("FROM a\nCMD", 2, 1, "needs a command"),
        ("FROM a\nRUN --mount=type=vfs x", 2, 5, "bind, cache, tmpfs"),
        (
            "FROM a\nRUN --mount=traget=/x x",
            2,
            5,
            "did you mean target?",
        ),
        ("FROM a\nCOPY --link=maybe a b", 2, 6, "true or false"),
        ("FROM a\nCOPY --from=a --from=b c d", 2, 15, "twice"),
        ("FROM a\nUSER --x y", 2, 6, "takes no flags"),
    ] {
        let (found_line, found_column, message) = refused(text);
        assert_eq!((found_line, found_column), (line, column), "{message}");
        assert!(message.contains(part), "{text:?} gave\n{message}");
    }
}

#[test]
fn every_wrong_line_is_told_at_once() {
    let refusal = parse("FROM a\nRUNN x\nCOPY y\nWORKDIR").expect_err("refused");
    let lines: Vec<u32> = refusal.diagnostics().iter().map(|d| d.line).collect();
    assert_eq!(lines, [2, 3, 4]);
}

#[test]
fn a_refused_instruction_takes_its_here_document_along() {
    let refusal = parse("FROM a\nRUN --oops <<EOF\nFROMM b\nEOF\n").expect_err("refused");
    assert_eq!(refusal.diagnostics().len(), 1);
}

#[test]
fn json_that_is_none_is_the_shell_form() {
    let command = |text| match only(text) {
        Instruction::Cmd(command) => command,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        command(r#"CMD ["a", "b c"]"#),
        Command::Exec(vec!["a".into(), "b c".into()])
    );
    assert_eq!(command("CMD ['a']"), Command::Shell("['a']".into()));
    assert_eq!(command("CMD []"), Command::Exec(vec![]));
}

#[test]
fn here_documents_belong_to_their_instruction() {
    let text = "FROM a\nRUN <<-EOF\n\techo 1\n\tEOF\nCOPY <<one <<'two' x /d/\n1\none\n$2\ntwo\nRUN cat <<A >b\nc\nA\n";
    let file = parse(text).expect("parses");
    let [_, run, copy, cat] = &file.statements[..] else {
        panic!("{:?}", file.statements);
    };
    let Instruction::Run(run) = &run.instruction else {
        panic!()
    };
    assert_eq!(run.shell_text().as_deref(), Some("echo 1\n"));
    let Instruction::Copy(copied) = &copy.instruction else {
        panic!()
    };
    let [
        CopySource::Inline(one),
        CopySource::Inline(two),
        CopySource::Path(x),
    ] = &copied.sources[..]
    else {
        panic!("{:?}", copied.sources);
    };
    assert_eq!(
        (&one.content[..], &two.content[..], &x.text[..]),
        ("1\n", "$2\n", "x")
    );
    assert!(one.expands && !two.expands);
    assert_eq!((copy.line, copy.last_line, cat.line), (5, 9, 10));
    let Instruction::Run(cat) = &cat.instruction else {
        panic!()
    };
    assert_eq!(cat.shell_text().as_deref(), Some("cat <<A >b\nc\nA"));
}

#[test]
fn triggers_are_instructions_of_their_own() {
    let Instruction::OnBuild(inner) = only("ONBUILD COPY --chown=a:b . /x") else {
        panic!()
    };
    assert_eq!(inner.text, "COPY --chown=a:b . /x");
    assert!(matches!(inner.instruction, Instruction::Copy(_)));
}

#[test]
fn a_large_file_is_read_in_linear_time() {
    let mut text = String::from("FROM a\n");
    for _ in 0..20_000 {
        text.push_str("ENV a=b \\\n # c\n c=\"d e\"\nRUN echo $x 'y' [\n");
    }
    text.push_str(&"RUN \\\n".repeat(50_000));
    let started = std::time::Instant::now();
    let file = parse(&text).expect("parses");
    assert!(file.statements.len() > 40_000);
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        lines in proptest::collection::vec(
            "(FROM|RUN|COPY|ADD|ENV|ONBUILD|HEALTHCHECK|ARG|VOLUME|# escape=|)[ \t]{0,2}(--[a-z]{0,4}=?)?[\\[\\]\"'<>A-c=$\\\\`é ,-]{0,30}[\\\\`]?",
            0..8
        )
    ) {
        let text = lines.join("\n");
        if let Err(refusal) = parse(&text) {
            prop_assert!(!refusal.to_string().is_empty());
            let last = u32::try_from(text.lines().count().max(1)).expect("small");
            for complaint in refusal.diagnostics() {
                prop_assert!((1..=last).contains(&complaint.line));
            }
        }
    }

    #[test]
    fn no_bytes_at_all_make_it_panic(text in any::<String>()) {
        let _ = parse(&text);
    }
}
