//! The text of `NAME.minisig`: minisign signatures, four lines each, one after another.

use minisign::SignatureBox;

/// One signature as it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    key_id: Vec<u8>,
    text: String,
}

impl Signature {
    /// One that was just made.
    pub(super) fn new(signature: &SignatureBox) -> Self {
        Self { key_id: signature.keynum().to_vec(), text: signature.to_string() }
    }

    /// The id of the key that it claims to be by, as minisign prints it.
    pub(super) fn key_id(&self) -> String {
        hex_id(&self.key_id)
    }

    /// Whether the other claims to be by the same key.
    fn is_by_key_of(&self, other: &Self) -> bool {
        self.key_id == other.key_id
    }
}

/// Signatures in the order of their file.
#[derive(Clone, Debug, Default)]
pub(super) struct Signatures(Vec<Signature>);

impl Signatures {
    /// Reads a file's text. What is no signature is left out, as readers pass it over too.
    pub(super) fn read(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let read = |four: &[&str]| SignatureBox::from_string(&four.join("\n")).ok();
        Self(lines.chunks(4).filter_map(read).map(|signature| Signature::new(&signature)).collect())
    }

    /// These, then of `earlier` the first of each key.
    pub(super) fn and_the_last_of(&self, earlier: &Self) -> Self {
        let mut all = self.clone();
        for signature in &earlier.0 {
            let kept = all.0.get(self.0.len()..).unwrap_or_default();
            if !self.0.contains(signature) && !kept.iter().any(|other| other.is_by_key_of(signature)) {
                all.0.push(signature.clone());
            }
        }
        all
    }

    /// Puts a signature in front; one that claims to be by the same key goes.
    pub(super) fn renew(&mut self, signature: Signature) {
        self.0.retain(|other| !other.is_by_key_of(&signature));
        self.0.insert(0, signature);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Signature> {
        self.0.iter()
    }

    /// The file's text.
    pub(super) fn to_text(&self) -> String {
        self.0.iter().map(|signature| signature.text.as_str()).collect()
    }
}

/// A key's id as minisign prints it: the number, most significant octet first.
pub(super) fn hex_id(key_id: &[u8]) -> String {
    key_id.iter().rev().map(|octet| format!("{octet:02X}")).collect()
}
