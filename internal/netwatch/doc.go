// Package netwatch knows over which network interfaces this machine can send,
// and says so when that changes, from the kernel's own events (rtnetlink(7)):
// a cable that is pulled, an address that a router gave, a default route that
// went away. A session finds another path because of it before it has lost
// more than a few packets.
//
// It reads only. It configures no interface, asks no network manager, sends
// no packet to find out whether anything answers, and does not know which
// address reaches a given host: that is for who uses an address to find.
package netwatch
