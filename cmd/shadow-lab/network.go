package main

import (
	"github.com/spf13/cobra"

	"github.com/blade-shadow/terminal/internal/lab"
)

// networkProfiles are what people have, and the two for which figures are
// promised.
func networkProfiles() []string {
	return []string{"fibre", "cable", "adsl", "wifi-busy", "4g", "4g-handover", "transatlantic", "loss2", "loss10"}
}

func newBenchNetwork() *cobra.Command {
	var cfg lab.NetworkConfig
	cmd := &cobra.Command{
		Use:   "bench-network",
		Short: "Measure the terminal against Chromium and GStreamer over bad networks, and write build/bench/network.json",
		Long: `Bench-network has the terminal, Chromium and GStreamer's webrtcbin show the same
host through the same bad network, one after another, under every profile, each
with its strongest settings, and looks at the display: how old pictures are when
they are seen, how many of them, how long the picture stood still, and how soon
it is back after a second without network. It draws a plot for each profile.`,
		Example: "  shadow-lab bench-network\n  shadow-lab bench-network --profile wifi-busy --viewer shadow-terminal",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := lab.BesideThisProgram()
			if err != nil {
				return err
			}
			cfg.BenchConfig = lab.BenchConfig{
				Programs: lab.ProgramsIn(dir),
				Report:   "build/bench/network.json",
				Pictures: "build/pictures",
				Out:      cmd.OutOrStdout(),
				Log:      cmd.ErrOrStderr(),
			}
			return lab.BenchNetwork(cmd.Context(), cfg)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&cfg.Profiles, "profile", networkProfiles(), "networks, of those that shadow-lab relay knows")
	f.StringSliceVar(&cfg.Viewers, "viewer", nil, "viewers: shadow-terminal, chromium, gstreamer (default all)")
	f.Uint64Var(&cfg.Seed, "seed", 1, "which packets are lost")
	return cmd
}
