//! Output on both roads.

use hibernaculum::Display;

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "print_is_seen_while_the_code_runs" => vec![sleeper()],
        "output_of_processes_is_seen_while_they_run" => {
            vec![when(Matcher::contains("echo from a child")).writes("from a child\n").hangs()]
        }
        "stdout_and_stderr_are_told_apart" => vec![
            when(Matcher::contains("text err"))
                .prints("text out\n")
                .prints_to_stderr("text err\n")
                .writes("raw out\n")
                .writes_to_stderr("raw err\n"),
        ],
        "text_without_a_newline_is_not_held_back" => {
            vec![when(Matcher::contains("50 %")).prints("50 %").hangs()]
        }
        "a_line_of_a_megabyte_passes_whole" => vec![
            when("print('m' * 1_000_000)").prints("m".repeat(1_000_000) + "\n"),
            is("'still here'", "still here"),
        ],
        "c_code_that_holds_the_gil_may_fill_more_than_a_pipe" => {
            vec![when(Matcher::contains("ctypes.PyDLL")).writes(vec![b'c'; 1 << 20]).value(1 << 20)]
        }
        "the_last_bytes_come_before_the_end" => {
            let each = (0..50).map(|round| {
                when(Matcher::contains(format!("'text {round}'")))
                    .prints(format!("text {round}\n"))
                    .writes(format!("raw {round}\n"))
            });
            std::iter::once(when("import os")).chain(each).collect()
        }
        "a_flood_is_given_whole_and_kept_within_bounds" => {
            let flood = format!("first\n{}last\n", ("x".repeat(1023) + "\n").repeat(16 * 1024));
            vec![when(Matcher::contains("range(16 * 1024)")).prints(flood)]
        }
        "limits_of_zero_keep_nothing_and_count_everything" => {
            let data = [("text/plain".to_owned(), "'shown'".to_owned())].into();
            let rule = when(Matcher::contains("print('out')")).prints("out\n").prints_to_stderr("error\n");
            let shown = Display { data, ..Display::default() };
            vec![rule.displays(shown).value("value"), is("_", "value")]
        }
        "what_is_not_utf_8_is_replaced" => {
            vec![when(Matcher::contains("\\xff\\xfeb")).writes(b"a\xff\xfeb\n".to_vec()).value(5)]
        }
        "a_character_may_come_in_two_writes" => {
            let bytes = "é€😀".bytes();
            vec![bytes.fold(when(Matcher::contains("é€😀")), |rule, byte| rule.writes(vec![byte]))]
        }
        "every_sort_of_text_is_written" => {
            let text = "\0tab\t nul\0 escape\u{1b}[31m bell\u{7} ü € 😀 \u{2028}\u{feff}\r\n\0";
            vec![when(Matcher::any()).prints(text)]
        }
        "the_two_streams_keep_their_order" => {
            let lines = (0..200).fold(when(Matcher::contains("for i in range(200)")), |rule, i| {
                rule.prints(format!("o {i}\n")).prints_to_stderr(format!("e {i}\n"))
            });
            vec![lines]
        }
        "prints_and_awaited_children_keep_their_order" => {
            let lines = (0..20).fold(when(Matcher::contains("'parent', i")), |rule, i| {
                rule.prints(format!("parent {i}\n")).writes(format!("child {i}\n"))
            });
            vec![lines.prints("end\n")]
        }
        "a_hundred_thousand_lines_keep_their_order" => {
            let lines = lines(0..100_000, |i| format!("{i}\n"));
            vec![when("for i in range(100_000): print(i)").prints(lines)]
        }
        _ => return None,
    };
    Some(Script::in_order(rules))
}
