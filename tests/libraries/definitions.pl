#!/usr/bin/perl
# Gives each function that a header declares a body, as C: definitions.pl [--names] HEADER. With --names: their names.
# Dies where the header names a function without declaring one in a way that is understood here.
use strict;
use warnings;

my $names = $ARGV[0] eq '--names' && shift;
local $/;
my $text = <>;
$text =~ s{/\*.*?\*/}{}gs;
$text =~ s{//[^\n]*}{}g;
$text =~ s{^#[^\n]*}{}gm;
my $seen = 0;
while ($text =~ /^(\w[^;{}()]*\b(mecai_\w+)\([^;{}]*\));/gm) {
    $seen++;
    print $names ? "$2\n" : "$1 { __builtin_trap(); }\n";
}
my $called = () = $text =~ /\bmecai_\w+\(/g;
die "$ARGV: $called functions, of which $seen are understood\n" if $called != $seen || !$seen;
