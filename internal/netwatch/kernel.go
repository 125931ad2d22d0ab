package netwatch

import (
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// kernel is the real thing. Answers come on a socket of their own: on one
// that also hears events the two could not be told apart.
type kernel struct{ *netlink.Conn }

func openKernel() (conn, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: groups})
	if err != nil {
		return nil, err
	}
	// A smaller buffer loses events sooner, which is noticed and made up for.
	_ = c.SetReadBuffer(1 << 20)
	return &kernel{c}, nil
}

// Dump asks for links, addresses and routes (rtnetlink(7)).
func (*kernel) Dump() ([]netlink.Message, error) {
	c, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var all []netlink.Message
	for _, ask := range []struct {
		kind netlink.HeaderType
		size int
	}{
		{unix.RTM_GETLINK, unix.SizeofIfInfomsg},
		{unix.RTM_GETADDR, unix.SizeofIfAddrmsg},
		{unix.RTM_GETROUTE, unix.SizeofRtMsg},
	} {
		got, err := c.Execute(netlink.Message{
			Header: netlink.Header{Type: ask.kind, Flags: netlink.Request | netlink.Dump},
			Data:   make([]byte, ask.size),
		})
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
	}
	return all, nil
}
