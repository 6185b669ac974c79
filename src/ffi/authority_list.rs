//! The authority list: read, and looked into.

use std::ffi::c_char;
use std::sync::Arc;

use super::error::{Failure, mecai_error};
use super::guard::guard;
use super::handle::{self, Noun};
use super::input;
use super::output::{Out, Text, mecai_bytes};
use super::result::{MECAI_ERR_INDEX, MECAI_ERR_NONE, MECAI_ERR_NOT_UTF8, MECAI_ERR_VALUE, mecai_result};
use crate::authority_list::{Authority, AuthorityList, ListKeys, Operator};

/// The operators, their CA keys and their authorities. A list does not change; any number of threads may use it at once.
pub struct mecai_authority_list;

pub(super) struct List {
    pub(super) list: AuthorityList,
    texts: Vec<OperatorTexts>,
}

/// What the core keeps without a NUL behind it.
pub(super) struct OperatorTexts {
    id: Text,
    name: Text,
    country: Text,
    authorities: Vec<AuthorityTexts>,
}

struct AuthorityTexts {
    url: Text,
    regions: Vec<Text>,
}

/// One authority, as C sees it.
pub(super) struct Listed<'a> {
    pub(super) authority: &'a Authority,
    pub(super) url: &'a Text,
    pub(super) regions: &'a [Text],
}

impl Noun for List {
    const NAME: &'static str = "mecai_authority_list";
    type Handle = mecai_authority_list;
}

impl List {
    fn new(list: AuthorityList) -> Self {
        let authority = |authority: &Authority| AuthorityTexts {
            url: Text::new(&authority.url),
            regions: authority.regions.iter().map(Text::new).collect(),
        };
        let texts = |operator: &Operator| OperatorTexts {
            id: Text::new(&operator.id),
            name: Text::new(&operator.name),
            country: Text::new(&operator.country),
            authorities: operator.authorities.iter().map(authority).collect(),
        };
        Self { texts: list.operators().iter().map(texts).collect(), list }
    }

    /// An operator by its index, and its texts.
    pub(super) fn operator(&self, index: usize) -> Result<(&Operator, &OperatorTexts), Failure> {
        let found = self.list.operators().get(index).zip(self.texts.get(index));
        found.ok_or_else(|| beyond("operators", index, self.texts.len()))
    }

    /// An authority of an operator, by their indices.
    pub(super) fn authority(&self, operator: usize, index: usize) -> Result<Listed<'_>, Failure> {
        let (operator, texts) = self.operator(operator)?;
        let (authority, texts) = operator
            .authorities
            .get(index)
            .zip(texts.authorities.get(index))
            .ok_or_else(|| beyond("authorities of this operator", index, texts.authorities.len()))?;
        Ok(Listed { authority, url: &texts.url, regions: &texts.regions })
    }
}

/// Reads an authority list: `json` and the text of its signatures, the file NAME.minisig. `keys` says which minisign keys
/// must have signed it: "KEY", or "M of KEY, KEY, …". A list whose sequence is below `highest` is refused: keep the
/// highest sequence that was used, and give 0 if there is none.
///
/// The list is the caller's to free; what was made with it goes on using it.
///
/// # Safety
/// Each buffer has its length, `keys` ends with a NUL, and the places may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_read(
    json: *const u8,
    json_len: usize,
    signatures: *const u8,
    signatures_len: usize,
    keys: *const c_char,
    highest: u64,
    list: *mut *mut mecai_authority_list,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut list = Out::new(list, "the list")?;
            let json = input::octets(json, json_len, "json")?;
            let signatures = std::str::from_utf8(input::octets(signatures, signatures_len, "signatures")?)
                .map_err(|_| Failure::new(MECAI_ERR_NOT_UTF8, "the signatures are not UTF-8"))?;
            let keys: ListKeys = input::text(keys, "keys")?
                .parse()
                .map_err(|error| Failure::new(MECAI_ERR_VALUE, format!("keys: {error}")))?;
            list.try_give(List::new(AuthorityList::read(json, signatures, &keys, highest)?))
        })
    }
}

/// The sequence of a list, which never goes back; when it was issued, and the last second in which it is in force
/// (seconds since 1970). Each place may be NULL.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_get(
    list: *const mecai_authority_list,
    sequence: *mut u64,
    issued: *mut u64,
    expires: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut sequence, mut issued, mut expires) =
                (Out::optional(sequence), Out::optional(issued), Out::optional(expires));
            let list = &handle::get::<List>(list)?.list;
            sequence.set(list.sequence());
            issued.set(list.issued().0);
            expires.set(list.expires().0);
            Ok(())
        })
    }
}

/// How many operators a list has.
///
/// # Safety
/// `count` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_operator_count(
    list: *const mecai_authority_list,
    count: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut count = Out::new(count, "the count")?;
            count.set(handle::get::<List>(list)?.texts.len());
            Ok(())
        })
    }
}

/// The operator with an index: its id, its name, its country, and how many authorities it has. Each place may be NULL.
/// The texts stay until the list is freed.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_operator(
    list: *const mecai_authority_list,
    index: usize,
    id: *mut mecai_bytes,
    name: *mut mecai_bytes,
    country: *mut mecai_bytes,
    authority_count: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut id, mut name, mut country) = (Out::optional(id), Out::optional(name), Out::optional(country));
            let mut authority_count = Out::optional(authority_count);
            let list: Arc<List> = handle::get(list)?;
            let (operator, texts) = list.operator(index)?;
            id.set(texts.id.view());
            name.set(texts.name.view());
            country.set(texts.country.view());
            authority_count.set(operator.authorities.len());
            Ok(())
        })
    }
}

/// The authority of an operator, by their indices: its id (8 octets), its URL, and the first and the last second of its
/// validity (seconds since 1970). Each place may be NULL. What is shown stays until the list is freed.
///
/// # Safety
/// What is not NULL may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_authority(
    list: *const mecai_authority_list,
    operator_index: usize,
    index: usize,
    id: *mut mecai_bytes,
    url: *mut mecai_bytes,
    valid_from: *mut u64,
    valid_until: *mut u64,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let (mut id, mut url) = (Out::optional(id), Out::optional(url));
            let (mut valid_from, mut valid_until) = (Out::optional(valid_from), Out::optional(valid_until));
            let list: Arc<List> = handle::get(list)?;
            let Listed { authority, url: text, .. } = list.authority(operator_index, index)?;
            id.set(mecai_bytes::of(authority.public_key.id()));
            url.set(text.view());
            valid_from.set(authority.valid_from.0);
            valid_until.set(authority.valid_until.0);
            Ok(())
        })
    }
}

/// The index of the operator that owns a CA key, given by the SHA-256 of its SubjectPublicKeyInfo (32 octets).
/// MECAI_ERR_NONE if nobody in the list does.
///
/// # Safety
/// The buffer has its length, and `operator_index` may be written to.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mecai_authority_list_owner(
    list: *const mecai_authority_list,
    spki_hash: *const u8,
    spki_hash_len: usize,
    operator_index: *mut usize,
    error: *mut *mut mecai_error,
) -> mecai_result {
    // SAFETY: as the caller says.
    unsafe {
        guard(error, || {
            let mut place = Out::new(operator_index, "the operator's index")?;
            let key = input::array(spki_hash, spki_hash_len, "the SPKI hash")?;
            let owner = handle::get::<List>(list)?.list.owner(&key);
            place.set(owner.ok_or_else(|| Failure::new(MECAI_ERR_NONE, "no operator of the list owns this CA key"))?);
            Ok(())
        })
    }
}

/// Frees a list; NULL is fine.
#[unsafe(no_mangle)]
pub extern "C" fn mecai_authority_list_free(list: *mut mecai_authority_list) -> mecai_result {
    // SAFETY: there is no place for an error.
    unsafe { guard(std::ptr::null_mut(), || handle::free::<List>(list)) }
}

/// The failure of an index beyond the last element.
pub(super) fn beyond(what: &str, index: usize, count: usize) -> Failure {
    Failure::new(MECAI_ERR_INDEX, format!("index {index} of {count} {what}"))
}
