package audio

import "time"

// begin starts anew after time in which nothing was recorded.
func (m *Microphone) begin() {
	now := time.Now()
	m.position += uint64(samples(now.Sub(m.heard)))
	m.heard, m.fill, m.talking = now, 0, false
	if m.cfg.Canceller != nil {
		m.cfg.Canceller.Reset()
	}
	if m.align != nil {
		m.align.reset()
	}
}

// took gates n samples that were just read into near, before anything else
// can see them.
func (m *Microphone) took(n int) {
	if n <= 0 {
		return
	}
	if m.muted.Load() || m.state != MicOpen {
		clear(m.near[m.fill : m.fill+n])
	}
	m.fill += n
	m.position += uint64(n)
	m.heard = time.Now()
}

// skip throws away what has waited too long.
func (m *Microphone) skip(in Capture) error {
	for in.Queued() > m.cfg.Frame {
		n, err := in.Read(m.pcm)
		if err != nil {
			return err
		}
		if n <= 0 {
			break
		}
		m.position += uint64(n)
		m.count.dropped.Add(uint64(n))
	}
	m.fill, m.talking = 0, false
	if m.align != nil {
		m.align.reset()
	}
	return nil
}

// process cancels, encodes and hands on the frame in near. queued is how much
// was recorded after it.
func (m *Microphone) process(queued time.Duration) {
	began := time.Now().Add(-queued - m.cfg.Frame)
	pcm := m.cancel(began)
	if m.muted.Load() || m.state != MicOpen {
		m.count.muted.Add(1)
		m.talking = false
		return
	}
	if loss := m.loss.Load(); loss != m.lossTold {
		m.lossTold = loss
		m.cfg.Encoder.SetLoss(int(loss))
	}
	packet, err := m.cfg.Encoder.Encode(m.packet[:0], pcm)
	if err != nil {
		m.count.failed.Add(1)
		m.talking = false
		return
	}
	m.packet = packet
	m.count.packets.Add(1)
	m.cfg.OnPacket(VoicePacket{
		Payload: packet, Position: m.position - uint64(m.frame), Length: m.cfg.Frame, First: !m.talking, Captured: began,
	})
	m.talking = true
}

// cancel returns the frame in near without echo and noise.
func (m *Microphone) cancel(began time.Time) []int16 {
	if m.cfg.Canceller == nil {
		return m.near
	}
	if m.align != nil {
		m.align.take(m.far, began)
	}
	if err := m.cfg.Canceller.Process(m.pcm, m.near, m.far); err != nil {
		m.count.failed.Add(1)
		if !m.cancellerFailed {
			m.cancellerFailed = true
			m.cfg.Logger.Warn("echo stays", "err", err)
		}
		return m.near
	}
	return m.pcm
}
