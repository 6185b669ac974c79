//! Writes the C program that misuses every function.

use std::fmt::Write as _;

use crate::header::{Function, Kind, Parameter};

/// A way to call a function wrongly, or at the edge.
struct Misuse<'a> {
    what: String,
    /// In place of these arguments, by their index.
    instead: Vec<(usize, String)>,
    /// The results that are right, as a condition on `result` and `right`, which is that of the good call.
    expect: &'a str,
}

/// The program, without its beginning.
pub(crate) fn program(functions: &[Function]) -> String {
    let mut text = String::new();
    let mut calls = String::new();
    for function in functions.iter().filter(|function| function.returns == "mecai_result") {
        let _ = writeln!(text, "static void misuse_{}(void)\n{{\n    mecai_result right;", function.name);
        text.push_str(&call(function, "as it should be", &[], None));
        for misuse in misuses(function) {
            text.push_str(&call(function, &misuse.what, &misuse.instead, Some(misuse.expect)));
        }
        text.push_str(&panic(function));
        text.push_str("    (void)right;\n}\n\n");
        let _ = writeln!(calls, "    misuse_{}();", function.name);
    }
    for function in functions.iter().filter(|function| function.returns == "const char *") {
        let arguments: Vec<&str> = function.parameters.iter().map(|_| "0xFFFFFFFF").collect();
        let call = format!("{}({})", function.name, arguments.join(", "));
        let _ = writeln!(calls, "    expect({call} != NULL, \"{} gives NULL\");", function.name);
        let _ = writeln!(calls, "    mecai_plant_panic(true);");
        let _ = writeln!(calls, "    expect({call} != NULL, \"{} gives NULL after a panic\");", function.name);
        let _ = writeln!(calls, "    mecai_plant_panic(false);");
    }
    let _ = write!(text, "static void misuse_all(void)\n{{\n{calls}}}\n");
    text
}

fn misuses(function: &Function) -> Vec<Misuse<'static>> {
    let mut misuses = Vec::new();
    let is_free = function.name.ends_with("_free");
    for (index, parameter) in function.parameters.iter().enumerate() {
        let name = &parameter.name;
        let mut add = |what: String, instead: Vec<(usize, String)>, expect| {
            misuses.push(Misuse { what, instead, expect });
        };
        let null = |expect| (format!("{name} is NULL"), vec![(index, "NULL".to_owned())], expect);
        match &parameter.kind {
            Kind::Handle(noun) => {
                let (what, instead, expect) = null(if is_free {
                    "result == MECAI_OK"
                } else if function.may_be_null(parameter) {
                    "result != MECAI_ERR_PANIC"
                } else {
                    "result == MECAI_ERR_NULL"
                });
                add(what, instead, expect);
                let freed = format!("({noun} *)freed(make_{noun}(), (freeing)free_{noun})");
                add(format!("{name} was freed"), vec![(index, freed)], "result == MECAI_ERR_HANDLE");
                let other = format!("({noun} *)another_type(\"{noun}\")");
                add(format!("{name} is of another type"), vec![(index, other)], "result == MECAI_ERR_HANDLE_TYPE");
                add(
                    format!("{name} is no handle"),
                    vec![(index, format!("({noun} *)(void *)&here"))],
                    "result == MECAI_ERR_HANDLE",
                );
            }
            Kind::Buffer | Kind::Views | Kind::Texts => {
                let is_optional = function.may_be_null(parameter);
                add(
                    format!("{name} is NULL, of length 1"),
                    vec![(index, "NULL".to_owned()), (index + 1, "1".to_owned())],
                    if is_optional { "result != MECAI_ERR_PANIC" } else { "result == MECAI_ERR_NULL" },
                );
                add(
                    format!("{name} has SIZE_MAX elements"),
                    vec![(index + 1, "SIZE_MAX".to_owned())],
                    "result == MECAI_ERR_LENGTH",
                );
                for length in ["0", "1"] {
                    let edge = match parameter.kind {
                        Kind::Buffer => format!("(const uint8_t *)at_edge(\"x\", {length})"),
                        Kind::Views => {
                            "(const mecai_bytes *)at_edge(&(mecai_bytes){NULL, 0}, sizeof(mecai_bytes))".to_owned()
                        }
                        _ => "(const char *const *)at_edge(&(const char *){\"x\"}, sizeof(char *))".to_owned(),
                    };
                    add(
                        format!("{name} has length {length} and ends at a page that cannot be read"),
                        vec![(index, edge), (index + 1, length.to_owned())],
                        "result != MECAI_ERR_PANIC",
                    );
                }
                if parameter.kind == Kind::Buffer {
                    let whole = format!("(const uint8_t *)at_edge({0}, {0}_len)", value(function, index));
                    add(format!("{name} ends at a page that cannot be read"), vec![(index, whole)], "result == right");
                }
            }
            Kind::Text | Kind::Place(_) | Kind::NewHandle(_) => {
                let optional = function.may_be_null(parameter);
                let (what, instead, expect) =
                    null(if optional { "result == right" } else { "result == MECAI_ERR_NULL" });
                add(what, instead, expect);
                // Paths are what the system takes.
                if parameter.kind == Kind::Text && !["directory", "path"].contains(&name.as_str()) {
                    add(
                        format!("{name} is not UTF-8"),
                        vec![(index, "(const char *)at_edge(\"\\xFF\", 2)".to_owned())],
                        "result == MECAI_ERR_NOT_UTF8",
                    );
                }
            }
            Kind::Room => {
                let (what, instead, expect) = null("result == MECAI_ERR_NULL");
                add(what, instead, expect);
                for length in ["0", "1", "SIZE_MAX"] {
                    add(
                        format!("{name} has room for {length}"),
                        vec![(index + 1, length.to_owned())],
                        "result == MECAI_ERR_LENGTH",
                    );
                }
                let edge = format!("(uint8_t *)(size_t)at_edge(octets_32, {}_len)", value(function, index));
                add(format!("{name} ends at a page that cannot be read"), vec![(index, edge)], "result == right");
            }
            Kind::Value => {}
        }
    }
    misuses
}

/// One call with good arguments but for some. Without an expectation, its result is the right one.
fn call(function: &Function, what: &str, instead: &[(usize, String)], expect: Option<&str>) -> String {
    let mut text = String::from("    {\n");
    let mut arguments = Vec::new();
    let mut after = String::new();
    let _ = writeln!(text, "        mecai_result result;\n        int here = 0;");
    for (index, parameter) in function.parameters.iter().enumerate() {
        let replaced = instead.iter().find(|(place, _)| *place == index).map(|(_, value)| value.as_str());
        arguments.push(argument(function, index, parameter, replaced, &mut text, &mut after));
    }
    let _ = writeln!(text, "        (void)here;");
    let _ = writeln!(text, "        result = {}({});", function.name, arguments.join(", "));
    match expect {
        None => _ = writeln!(text, "        right = result;\n        expect_known(\"{}\", result);", function.name),
        Some(expect) => {
            let _ = writeln!(text, "        expect({expect}, \"{}: {what}: result %u\", result);", function.name);
        }
    }
    text.push_str(&after);
    if expect.is_some() && function.name.ends_with("_free") && what.contains("of another type") {
        // It is still good.
        let _ = writeln!(text, "        free_another_type();");
    }
    text.push_str("    }\n");
    text
}

/// The argument; what has to stand before the call, and what is to be done after it.
fn argument(
    function: &Function,
    index: usize,
    parameter: &Parameter,
    replaced: Option<&str>,
    before: &mut String,
    after: &mut String,
) -> String {
    let variable = format!("a{index}");
    match &parameter.kind {
        Kind::Handle(noun) => {
            let handle = replaced.map_or_else(|| format!("make_{noun}()"), str::to_owned);
            let _ = writeln!(before, "        {noun} *{variable} = {handle};");
            if replaced.is_none() && !function.name.ends_with("_free") {
                let _ = writeln!(after, "        free_{noun}({variable});");
            }
            if replaced.is_none() && function.name.ends_with("_free") {
                let name = &function.name;
                let _ = writeln!(
                    after,
                    "        expect({name}({variable}) == MECAI_ERR_HANDLE, \"{name}: a second free is not told\");"
                );
            }
            variable
        }
        Kind::NewHandle(noun) => {
            let _ = writeln!(before, "        {noun} *{variable} = ({noun} *)(void *)&here;");
            let _ = writeln!(after, "        (void){variable};");
            let label = format!("{}: {}", function.name, parameter.name);
            let checks = match replaced {
                Some(_) => String::new(),
                None if noun == "mecai_error" => {
                    format!("        check_error(result, {variable}, \"{label}\");\n")
                }
                None => format!(
                    "        if (result == MECAI_OK)\n            free_{noun}({variable});\n        else\n            \
                     expect((void *){variable} == (void *)&here, \"{label} was touched\");\n"
                ),
            };
            after.push_str(&checks);
            replaced.map_or_else(|| format!("&{variable}"), str::to_owned)
        }
        Kind::Place(ctype) => {
            let _ =
                writeln!(before, "        {ctype} {variable};\n        memset(&{variable}, 0xA5, sizeof {variable});");
            let label = format!("{}: {}", function.name, parameter.name);
            // These two say the worst until something better is known.
            if parameter.name == "remembered" {
                let _ = writeln!(
                    after,
                    "        expect(result == MECAI_OK || *(unsigned char *)&{variable} == 1 || is_untouched(&{variable}, sizeof {variable}), \"{label} is neither true nor untouched\");"
                );
            } else if parameter.name == "outcome" {
                let _ = writeln!(
                    after,
                    "        expect(result == MECAI_OK || {variable} == MECAI_REFUSED || is_untouched(&{variable}, sizeof {variable}), \"{label} is neither refused nor untouched\");"
                );
            } else {
                let _ = writeln!(
                    after,
                    "        expect(result == MECAI_OK || is_untouched(&{variable}, sizeof {variable}), \"{label} was touched\");"
                );
            }
            let _ = writeln!(after, "        (void){variable};");
            replaced.map_or_else(|| format!("&{variable}"), str::to_owned)
        }
        Kind::Room => {
            let _ = writeln!(
                before,
                "        uint8_t {variable}[{}_len];\n        memset({variable}, 0xA5, sizeof {variable});",
                value(function, index)
            );
            let label = format!("{}: {}", function.name, parameter.name);
            let _ = writeln!(
                after,
                "        expect(result == MECAI_OK || is_untouched({variable}, sizeof {variable}), \"{label} was touched\");"
            );
            replaced.map_or(variable, str::to_owned)
        }
        Kind::Buffer | Kind::Text | Kind::Views | Kind::Texts => {
            replaced.map_or_else(|| value(function, index), str::to_owned)
        }
        Kind::Value => replaced.map_or_else(|| value(function, index), str::to_owned),
    }
}

/// A good argument: the macro `good_PARAMETER`, or that of this function where it needs another one. The length of a
/// buffer is that of its good value.
fn value(function: &Function, index: usize) -> String {
    let parameter = &function.parameters[index];
    let before = index.checked_sub(1).map(|before| &function.parameters[before]);
    match before.map(|before| &before.kind) {
        Some(Kind::Buffer | Kind::Views | Kind::Texts | Kind::Room) => format!("{}_len", value(function, index - 1)),
        _ => format!("good_{}", parameter.name),
    }
}

/// A panic inside is told as such.
fn panic(function: &Function) -> String {
    let mut text = String::from("    {\n        mecai_result result;\n        int here = 0;\n");
    let mut arguments = Vec::new();
    let mut after = String::new();
    for (index, parameter) in function.parameters.iter().enumerate() {
        let argument = match &parameter.kind {
            Kind::Handle(noun) => {
                let _ = writeln!(text, "        {noun} *a{index} = make_{noun}();");
                let _ = writeln!(after, "        free_{noun}(a{index});");
                format!("a{index}")
            }
            Kind::NewHandle(_) | Kind::Place(_) | Kind::Room => "NULL".to_owned(),
            _ => value(function, index),
        };
        arguments.push(argument);
    }
    let _ = writeln!(text, "        (void)here;\n        mecai_plant_panic(true);");
    let _ = writeln!(text, "        result = {}({});", function.name, arguments.join(", "));
    let _ = writeln!(text, "        mecai_plant_panic(false);");
    let _ =
        writeln!(text, "        expect(result == MECAI_ERR_PANIC, \"{}: a panic gives %u\", result);", function.name);
    text.push_str(&after);
    text.push_str("    }\n");
    text
}
