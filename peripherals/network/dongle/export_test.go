package dongle

// Chips are the numbers of the dongles in the table, by chip.
func Chips() map[string]string {
	out := map[string]string{}
	for _, c := range chips {
		out[c.name] = c.ids
	}
	return out
}
