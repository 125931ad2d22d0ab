// Package pace decides when a decoded picture is drawn and which one. It knows
// three ways, and which one fits an output follows from its refresh and from
// the rate of the stream:
//
//   - on arrival: the refresh is well above the stream's rate, so a picture is
//     drawn as soon as no flip is under way;
//   - at the vertical blank: both rates are about the same, so pictures are
//     taken one a blank, as late as still makes it. Half a second of history
//     decides whether one picture is kept in hand against jitter;
//   - variable refresh: on arrival, never faster than a few percent under the
//     panel's maximum, and repeated before the panel's minimum is reached.
//
// A [Pacer] belongs to one output, a [Lock] says when the host should capture
// so that pictures are decoded just before they are due, and a [Ledger] charges
// late pictures to the stage that made them so. All three belong to one
// goroutine each, hold no picture, start nothing, read no clock and allocate
// nothing: every time is given to them.
//
// They cannot fail. Times that go backwards or make no sense start them anew.
package pace
