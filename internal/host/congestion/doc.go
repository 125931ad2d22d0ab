// Package congestion decides how fast a host may send to one terminal, from
// transport-wide feedback: per packet, when it left and when it arrived.
//
// It does no I/O, reads no clock and starts nothing; [Controller] lives in
// virtual time, belongs to one goroutine and allocates nothing after New. It
// does not pace, and does not choose what is sent: egress asks [Controller.Estimate]
// and [Controller.Probe] and does both. It does not know ECN.
//
// # What is measured
//
// Frames are the probes. A frame leaves under the pacer as a train of packets,
// a little faster than the path is thought to be, and so measures the path
// each time (train.go): if the path is slower than the train, every packet
// waits longer than the one before it. With the train's rate R and the slope s
// of one-way delay over sending time, by least squares,
//
//	capacity = R / (1 + s)   where s > 0, a queue grew
//	capacity >= R            where s = 0
//
// The median of as few of the last trains as their spread allows is used, up to
// 1.5 s of them; their spread is the confidence. Dispersion of trains is an old
// idea (Jain and Dovrolis, Pathload, 2002; goog_cc's probe estimator). With
// other flows on the path a train sees its part of what the path carries. Where
// the media make no trains (little to send, low rates, high frame rates), the
// Controller asks for clusters, Probe, which are trains with padding.
//
// Queue (path.go): the lowest one-way delay of 60 ms of sending, above the
// lowest of 12 s, is the standing queue. Minima do not see jitter, bunched
// arrivals, or the queue that a frame makes for its own packets. It is too much
// above 5 ms + 2*noise, where noise is how much it changes from one such
// window to the next, at most 15 ms (LEDBAT, RFC 6817, 3.4.2 for the base; goog_cc for
// an adaptive limit).
//
// Loss (loss.go): shares over 0.3 s and 2 s, and the length of runs. Loss with a
// standing queue is the queue's, and not in what is reported. Other loss beyond what is known is tested: the
// rate falls below what arrived, for 0.2 to 0.6 s. Loss that stays is the path's
// own and costs nothing from then on; loss that goes with the rate is a limit
// without a queue, a policer: the rate stays at 0.95 of it, paced at 1.03 of the
// target, and tries more after 5 s.
//
// # States
//
//	ramping  --a train was faster than the path-->  steady
//	steady   --standing queue (yield), or collapse (fall)-->  draining
//	draining --the queue should be gone-->  steady
//
// Ramping: pacing is twice the target, the target 0.9 of what trains have shown
// to pass: it nearly doubles with each feedback, and never leaves what a train
// has passed.
//
// Steady: the target moves to 0.95 of the capacity within 0.15 s upwards and
// 0.3 s downwards; pacing is 1.2 times the capacity, and more for each feedback
// in which trains passed unhindered, so that a path that has become faster is
// found without padding. For 10 s after a yield the path counts as shared, and
// the target is 0.86 of the capacity and 0.4 Mb/s, see [rate.goal] for why this
// makes flows equal.
//
// Draining: with a queue of q seconds the target is 1 - q/0.25 of what the path
// carries, 0.25 at least, and pacing half of that or more so that what was
// coded before still leaves. What is in the queue now is reckoned: the delay of
// the newest packet reported, and what was sent since, less what was carried
// since.
//
// A collapse is believed at the first feedback that shows it (tail.go): six
// packets in a row whose delay rises steadily by 8 ms (a radio's pause, or a
// program that was not let run, is one step), on a path without much jitter.
// What arrives meanwhile arrives at the path's rate, however it left.
//
// A queue that three drains did not shorten is not ours: the path has become
// longer, or a flow fills its buffer. It is taken as part of the path, and 30 ms
// more of it are tolerated for some 10 s (as Copa's competitive mode, NSDI 2018,
// keeps from starving). Beside one Reno flow 7 to 23 % of the path remain.
//
// Without feedback for a round trip and two of its intervals and 50 ms
// (silence.go), less what the host itself was not let run, the target halves every 100 ms down to 1/20; the first feedback
// brings back 0.75 of it, and what was lost meanwhile is not counted. If nothing
// was, the peer had been silent and not the path: the rate is as before, and the
// peer is given that much more time from then on (webrtcbin takes up to a second).
//
// Read with profit: draft-ietf-rmcat-gcc-02, RFC 8298 (SCReAM), RFC 8698 (NADA),
// BBR's drafts on drains; nothing is taken from their code.
//
// # Bounds
//
// Nothing from the network is trusted: times and sizes are bounded before use,
// the target is never outside Config, and a receiver that lies gets at most
// MaxBps, which it could ask for anyway.
package congestion
