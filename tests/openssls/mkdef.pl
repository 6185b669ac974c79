# Writes the linker's version script of a library. The crate openssl-src leaves out OpenSSL's own program of this name;
# this one does as much of it as Linux needs.
# usage: mkdef.pl … --ordinals FILE …, where FILE has lines NAME NUMBER VERSION KIND
use strict;
use warnings;

my ($file) = "@ARGV" =~ /--ordinals (\S+)/ or die "mkdef.pl: no --ordinals\n";
open(my $lines, '<', $file) or die "mkdef.pl: $file: $!\n";
my %names;
while (<$lines>) {
    my ($name, undef, $version, $kind) = split;
    push @{$names{$version}}, $name if defined $kind && $kind =~ /^EXIST:/;
}

sub place { join '.', map { sprintf '%03d', $_ } split /_/, shift }
my $before = '';
for my $version (sort { place($a) cmp place($b) } keys %names) {
    my $node = $version eq '*' ? '' : 'OPENSSL_' . $version =~ tr/_/./r;
    print "$node {\n    global:\n", map({ "        $_;\n" } @{$names{$version}});
    print $before ? "} $before;\n" : "    local: *;\n};\n";
    $before = $node;
}
