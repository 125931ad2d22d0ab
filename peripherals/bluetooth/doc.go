// Package bluetooth is the terminal's view of BlueZ over the system bus: the
// adapters and devices as a [State], and what a person does with them: switch
// an adapter on, look for devices, pair, connect, disconnect, forget. It is
// BlueZ's pairing agent, so a passkey is shown or asked for on the terminal's
// own screen.
//
// It moves no input and no sound: a paired pad, keyboard or mouse comes as an
// evdev device, a headset as a sound device. It stores nothing, since BlueZ
// keeps the keys, draws nothing, and decides nothing that a person has to: a
// device that wants to pair while nobody is pairing is refused, but that a pad
// at a cable is asked about.
//
// [Manager.Run] owns all goroutines: one that follows the bus and alone takes
// what it says, one that tells Config.OnChange, and while BlueZ asks something
// those of the questions. The other methods are for any goroutine.
//
// Failure modes. Without a bus, BlueZ or an adapter every method fails with
// [errors.ErrUnsupported] and says what it needs; Run goes on waiting for
// them. When bluetoothd is started again, or the bus is, the agent is
// registered again, the state is read anew, and what was under way fails with
// [ErrGone]. What else BlueZ fails with is a [Reason]. Devices are strangers
// in radio range: their names are sanitised, and how many are kept, how many
// questions they cause and how often OnChange is called is bounded.
//
// Sources: BlueZ's org.bluez.Adapter(5), Device(5), Agent(5),
// AgentManager(5), Battery(5); D-Bus Specification 0.43, "Standard
// Interfaces"; Bluetooth Assigned Numbers, 2.6 (appearance) and 2.8 (class of
// device).
package bluetooth
