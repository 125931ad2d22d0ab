// Package linktest is the terminal's end of the link test (docs/PROTOCOL.md,
// "Link test"): it asks a host for a test, has frames sent both ways at rising
// rates, measures what arrives and how the round trip grows, finds out the
// largest packet and the kind of NAT, and returns a graded result. [Store] keeps
// results.
//
// It shows nothing and knows no network interface: what is known of the cable
// comes in as a function. It runs for at most 25 s, sends at no higher rate than
// it was told to, and leaves when the host sends more. What the figures mean is
// internal/linktest's business.
package linktest
