//! What a client put into its ClientHello.

/// The numbers and contents of our extensions in the ClientHello that `s_client -msg` shows.
pub(crate) fn our_extensions(said: &str) -> Vec<(u16, Vec<u8>)> {
    let hex = said.split(", ClientHello\n").nth(1).unwrap().lines().take_while(|line| line.starts_with("    "));
    let octets: Vec<u8> = hex.flat_map(str::split_whitespace).map(|hex| u8::from_str_radix(hex, 16).unwrap()).collect();
    // Header, version and random; then session id, cipher suites and compression, each with its length.
    let mut rest = &octets[4 + 2 + 32..];
    for octets_of_length in [1, 2, 1] {
        rest = split(rest, octets_of_length).1;
    }
    let (mut extensions, _) = split(rest, 2);
    let mut ours = Vec::new();
    while let Some((number, rest)) = extensions.split_first_chunk() {
        let (contents, rest) = split(rest, 2);
        let number = u16::from_be_bytes(*number);
        if (0xFF4D..=0xFF50).contains(&number) {
            ours.push((number, contents.to_vec()));
        }
        extensions = rest;
    }
    ours
}

fn split(octets: &[u8], octets_of_length: usize) -> (&[u8], &[u8]) {
    let (length, rest) = octets.split_at(octets_of_length);
    rest.split_at(length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)))
}
