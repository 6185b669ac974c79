//! The functions of a header that cbindgen made.

/// A function of the header.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) returns: String,
    pub(crate) parameters: Vec<Parameter>,
}

/// A parameter of it.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// What a parameter is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A handle of this type.
    Handle(String),
    /// A place for a new handle of this type.
    NewHandle(String),
    /// Octets, whose length is the next parameter.
    Buffer,
    /// Views, whose number is the next parameter.
    Views,
    /// A text that ends with a NUL.
    Text,
    /// Texts, whose number is the next parameter.
    Texts,
    /// A place for a value of this type.
    Place(String),
    /// A place for octets, whose length is the next parameter.
    Room,
    /// A value.
    Value,
}

impl Function {
    /// Whether the comment lets this pointer be NULL.
    pub(crate) fn may_be_null(&self, parameter: &Parameter) -> bool {
        let says = |text: &str| self.comment.contains(text);
        match parameter.kind {
            Kind::NewHandle(ref noun) if noun == "mecai_error" => true,
            Kind::Place(_) | Kind::NewHandle(_)
                if says("Each place may be NULL") || says("Either place may be NULL") =>
            {
                true
            }
            _ => {
                let name = &parameter.name;
                says(&format!("`{name}` may be NULL"))
                    || says(&format!("`{name}`, which may be NULL"))
                    || says(&format!("`{name}` is not NULL"))
                    || (matches!(parameter.kind, Kind::Buffer | Kind::Text)
                        && (says("NULL for ") || says("NULL forgets")))
                    || (parameter.kind == Kind::Text && says("NULL if "))
            }
        }
    }
}

/// Every function that the header declares.
pub(crate) fn functions(header: &str) -> Vec<Function> {
    let mut functions = Vec::new();
    let mut comment = String::new();
    let mut declaration = String::new();
    for line in header.lines() {
        let is_comment = line.starts_with("/**") || line.starts_with(" *");
        if line.starts_with("/**") {
            comment.clear();
        } else if is_comment {
            comment.push_str(line.trim_start_matches([' ', '*', '/']));
            comment.push(' ');
        }
        if is_comment || line.is_empty() || line.starts_with(['#', '}', '/', '{']) || line.starts_with("extern") {
            declaration.clear();
            continue;
        }
        declaration.push_str(line.trim());
        declaration.push(' ');
        if line.ends_with(';') {
            if let Some(function) = function(&declaration, &comment) {
                functions.push(function);
            }
            declaration.clear();
        }
    }
    functions
}

fn function(declaration: &str, comment: &str) -> Option<Function> {
    let (head, rest) = declaration.split_once('(')?;
    let (parameters, _) = rest.rsplit_once(')')?;
    let start = head.rfind("mecai_")?;
    let parameters = parameters.split(',').map(str::trim).filter(|text| *text != "void").map(parameter).collect();
    Some(Function {
        name: head.get(start..)?.to_owned(),
        comment: comment.to_owned(),
        returns: head.get(..start)?.trim().to_owned(),
        parameters,
    })
}

fn parameter(text: &str) -> Parameter {
    let start = text.rfind([' ', '*']).map_or(0, |place| place + 1);
    let (ctype, name) = text.split_at(start);
    let kind = match ctype.trim() {
        "const uint8_t *" => Kind::Buffer,
        "uint8_t *" => Kind::Room,
        "const mecai_bytes *" => Kind::Views,
        "const char *" => Kind::Text,
        "const char *const *" => Kind::Texts,
        other => match other.strip_suffix(" **") {
            Some(noun) => Kind::NewHandle(noun.to_owned()),
            None => match other.strip_suffix(" *").map(|pointed| pointed.trim_start_matches("const ")) {
                Some(pointed)
                    if pointed.starts_with("mecai_") && !matches!(pointed, "mecai_bytes" | "mecai_result") =>
                {
                    Kind::Handle(pointed.to_owned())
                }
                Some(pointed) => Kind::Place(pointed.to_owned()),
                None => Kind::Value,
            },
        },
    };
    Parameter { name: name.to_owned(), kind }
}
