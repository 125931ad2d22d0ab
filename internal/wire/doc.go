// Package wire is the bytes that a terminal and a host exchange and nothing
// else: the input datagrams of channel st.input, the messages of channel
// st.control, the frame-timing RTP header extension and the clock formats
// beside it. docs/PROTOCOL.md is the normative text; testdata/vectors holds
// examples that another implementation can check itself against.
//
// Encoders append to a buffer of the caller and decoders return views into
// the caller's bytes, so neither allocates and nothing outlives its buffer.
// No function does I/O, starts a goroutine or keeps state: the pointer's shape,
// the one thing that comes in parts, is put together by package wire/cursor.
// Every decoder takes whatever the network gives: it returns an error that
// wraps [ErrMalformed] or [ErrVersion], it never panics and never reads outside
// the slice.
package wire
