package manager

import "github.com/godbus/dbus/v5"

// Names on the bus.
const (
	service        = "org.freedesktop.NetworkManager"
	ifaceManager   = service
	ifaceDevice    = service + ".Device"
	ifaceWired     = ifaceDevice + ".Wired"
	ifaceWireless  = ifaceDevice + ".Wireless"
	ifacePoint     = service + ".AccessPoint"
	ifaceActive    = service + ".Connection.Active"
	ifaceIP4       = service + ".IP4Config"
	ifaceIP6       = service + ".IP6Config"
	ifaceSettings  = service + ".Settings"
	ifaceProfile   = ifaceSettings + ".Connection"
	ifaceAgents    = service + ".AgentManager"
	ifaceAgent     = service + ".SecretAgent"
	ifaceObjects   = "org.freedesktop.DBus.ObjectManager"
	ifaceProps     = "org.freedesktop.DBus.Properties"
	signalAdded    = ifaceObjects + ".InterfacesAdded"
	signalRemoved  = ifaceObjects + ".InterfacesRemoved"
	signalChanged  = ifaceProps + ".PropertiesChanged"
	signalState    = ifaceDevice + ".StateChanged"
	signalActive   = ifaceActive + ".StateChanged"
	signalUpdated  = ifaceProfile + ".Updated"
	errorNotNow    = ifaceDevice + ".NotAllowed"
	errorNoSecrets = ifaceAgent + ".NoSecrets"
	errorCanceled  = ifaceAgent + ".UserCanceled"
	errorWithdrawn = ifaceAgent + ".AgentCanceled"
)

// Paths on the bus.
const (
	rootPath    = dbus.ObjectPath("/org/freedesktop")
	managerPath = rootPath + "/NetworkManager"
	agentsPath  = managerPath + "/AgentManager"
	agentPath   = managerPath + "/SecretAgent" // where NetworkManager looks for every agent
	noPath      = dbus.ObjectPath("/")         // what stands for none
)

// NMDeviceType.
const (
	typeEthernet  = 1
	typeWiFi      = 2
	typeBluetooth = 5
	typeModem     = 8
)

// NMDeviceState.
const (
	deviceUnmanaged    = 10
	deviceUnavailable  = 20
	deviceDisconnected = 30
	deviceNeedAuth     = 60
	deviceIPConfig     = 70
	deviceActivated    = 100
	deviceDeactivating = 110
	deviceFailed       = 120
)

// NMActiveConnectionState.
const (
	activeActivated   = 2
	activeDeactivated = 4
)

// connectivityOf reads NMConnectivityState.
func connectivityOf(n uint32) Connectivity {
	switch n {
	case 1:
		return ConnectivityNone
	case 2:
		return ConnectivityPortal
	case 3:
		return ConnectivityLimited
	case 4:
		return ConnectivityFull
	}
	return ConnectivityUnknown
}

// phaseOf reads NMDeviceState.
func phaseOf(n uint32) Phase {
	switch {
	case n <= deviceUnmanaged:
		return PhaseUnmanaged
	case n <= deviceUnavailable:
		return PhaseUnavailable
	case n <= deviceDisconnected:
		return PhaseDisconnected
	case n < deviceNeedAuth:
		return PhaseConnecting
	case n < deviceIPConfig:
		return PhaseAsking
	case n < deviceActivated:
		return PhaseAddress
	case n == deviceActivated:
		return PhaseConnected
	case n <= deviceDeactivating:
		return PhaseLeaving
	}
	return PhaseFailed
}

// reasonOf reads NMDeviceStateReason, as far as a person can do something
// about it.
func reasonOf(n uint32) Reason {
	switch n {
	case 7: // no secrets
		return ReasonPassword
	case 8, 9, 10, 11: // supplicant disconnected, did not take its settings, failed, timed out
		return ReasonLogin
	case 53:
		return ReasonNotFound
	case 5, 6, 15, 16, 17, 20, 21, 22: // no address, it expired, DHCP, IPv4 link-local
		return ReasonAddress
	case 4:
		return ReasonConfig
	case 40:
		return ReasonCable
	case 35:
		return ReasonFirmware
	case 45:
		return ReasonNoSIM
	case 46, 48, 34, 60: // wants its PIN, is the wrong one, the PIN failed, is wrong
		return ReasonPIN
	case 47:
		return ReasonPUK
	case 12, 13, 14, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 43, 58: // PPP, dialling, registering
		return ReasonModem
	case 38, 39, 61: // profile removed, by request, for another
		return ReasonReplaced
	}
	return ReasonOther
}

// reasonOfActive reads NMActiveConnectionStateReason, where the device said
// nothing.
func reasonOfActive(n uint32) Reason {
	switch n {
	case 5, 6: // addresses, timed out
		return ReasonAddress
	case 9:
		return ReasonPassword
	case 10:
		return ReasonLogin
	case 2, 11: // by the user, profile removed
		return ReasonReplaced
	}
	return ReasonOther
}
