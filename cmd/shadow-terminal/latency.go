package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/selftest"
)

func newSelftestLatency() *cobra.Command {
	var (
		test  test
		conn  connection
		marks int
	)
	cmd := &cobra.Command{
		Use:   "latency URL",
		Short: "Measure from an input to the picture that answers it on the screen",
		Long: `Latency shows a host and sends it inputs with a number. The host draws the number
into its next picture, the terminal finds it in the picture that it shows: the
true round trip without a camera. The light of the panel is not in it.`,
		Example: "  shadow-terminal selftest latency http://127.0.0.1:8089/whep --marks 100",
		Args:    oneURL,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := conn.config(args[0])
			if err != nil {
				return err
			}
			cfg.Version = version
			return test.run(cmd, func(ctx context.Context, common selftest.Common) (selftest.Report, error) {
				r, err := selftest.Latency(ctx, selftest.LatencyConfig{Common: common, Agent: cfg, Marks: marks})
				if err != nil {
					return nil, err // not a nil report in an interface
				}
				return r, nil
			})
		},
	}
	conn.flags(cmd)
	test.flags(cmd)
	cmd.Flags().IntVar(&marks, "marks", 50, "how many inputs to send, about half a second each")
	return cmd
}
