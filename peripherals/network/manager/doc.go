// Package manager is the terminal's view of NetworkManager (1.42 or later)
// over the system bus: the devices, the networks around and the profiles as a
// [State], and what a person does with them: look for networks, join, forget,
// give addresses, a proxy or a login by hand. It is NetworkManager's secrets
// agent, so a password that is missing or wrong is asked for on the terminal's
// own screen.
//
// It carries no traffic and sets no address itself. It stores nothing: profiles
// and passwords are NetworkManager's, which keeps them where only root reads.
// It draws nothing, and opens no page of a captive portal, it only says that
// there is one and where. What links do is package peripherals/network's, why
// a dongle is slow peripherals/network/dongle's.
//
// [Manager.Run] owns all goroutines: one that follows the bus and alone
// changes the state, one that tells Config.OnChange, and while NetworkManager
// asks something those of the questions. The other methods are for any
// goroutine.
//
// Failure modes. Without a bus or NetworkManager every method fails with
// [errors.ErrUnsupported]; Run goes on waiting for them. When either is
// started again the agent is registered again, the state read anew, and what
// was under way fails with [ErrGone]. Networks are strangers in radio range:
// how many are kept is bounded, as is how often OnChange is called, and names
// are bytes that are shown only sanitised. A [Secret] prints as such and
// nothing else.
//
// Sources: the NetworkManager 1.42 D-Bus API and its nm-dbus-types,
// nm-settings-dbus(5); IEEE 802.11-2020, 9.4.2.2 (SSID) and 9.4.2.24 (RSN).
package manager
