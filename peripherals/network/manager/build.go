package manager

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// state makes a State of what is kept.
func (s *store) state() State {
	m := s.objects[managerPath][ifaceManager]
	st := State{
		Service:      true,
		Version:      sanitise(get[string](m, "Version")),
		Connectivity: connectivityOf(get[uint32](m, "Connectivity")),
		WiFi:         Radio{On: get[bool](m, "WirelessEnabled"), Blocked: !get[bool](m, "WirelessHardwareEnabled")},
		Mobile:       Radio{On: get[bool](m, "WwanEnabled"), Blocked: !get[bool](m, "WwanHardwareEnabled")},
	}
	if st.Connectivity == ConnectivityPortal {
		if page := get[string](m, "ConnectivityCheckUri"); word(page) == nil {
			st.Portal = page
		}
	}
	primary := s.objects[get[dbus.ObjectPath](m, "PrimaryConnection")][ifaceActive]
	first4 := get[[]dbus.ObjectPath](primary, "Devices")
	for path, o := range s.objects {
		if o[ifaceDevice] != nil {
			d := s.device(path, o)
			d.Primary = slices.Contains(first4, path)
			st.Devices = append(st.Devices, d)
		}
	}
	for _, p := range s.profiles {
		st.Profiles = append(st.Profiles, p)
	}
	st.Nearby = s.nearby(st.Profiles)
	kinds := []Kind{KindCable, KindWiFi, KindPhone, KindMobile, KindOther}
	slices.SortFunc(st.Devices, func(a, b Device) int {
		return cmp.Or(first(a.Primary, b.Primary), cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	slices.SortFunc(st.Profiles, func(a, b Profile) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return st
}

// get is value without the second result.
func get[T any](p props, name string) T {
	v, _ := value[T](p, name)
	return v
}

// phoneDrivers are those of phones that share their network at a USB socket:
// RNDIS and CDC of Android, Apple's own.
var phoneDrivers = [...]string{"rndis_host", "ipheth", "cdc_ether", "cdc_ncm", "cdc_subset"}

// kindOf reads NMDeviceType. Dongles for cables of the CDC kinds cannot be
// told from phones here; they cost the higher metric and no more.
func kindOf(deviceType uint32, driver string) Kind {
	switch deviceType {
	case typeEthernet:
		if slices.Contains(phoneDrivers[:], driver) {
			return KindPhone
		}
		return KindCable
	case typeWiFi:
		return KindWiFi
	case typeBluetooth:
		return KindPhone
	case typeModem:
		return KindMobile
	}
	return KindOther
}

func (s *store) device(path dbus.ObjectPath, o interfaces) Device {
	p := o[ifaceDevice]
	driver := get[string](p, "Driver")
	metered := get[uint32](p, "Metered") // NMMetered: 1 yes, 3 it is guessed
	d := Device{
		ID:           ID(path),
		Name:         sanitise(get[string](p, "Interface")),
		Kind:         kindOf(get[uint32](p, "DeviceType"), driver),
		Driver:       sanitise(driver),
		Address:      sanitise(get[string](p, "HwAddress")),
		Phase:        phaseOf(get[uint32](p, "State")),
		Reason:       s.failures[path].reason,
		Metered:      metered == 1 || metered == 3,
		Connectivity: farther(connectivityOf(get[uint32](p, "Ip4Connectivity")), connectivityOf(get[uint32](p, "Ip6Connectivity"))),
	}
	active := s.objects[get[dbus.ObjectPath](p, "ActiveConnection")][ifaceActive]
	d.Profile = ID(get[dbus.ObjectPath](active, "Connection"))
	if w := o[ifaceWired]; w != nil {
		d.Carrier = get[bool](w, "Carrier")
		d.Mbps = int(get[uint32](w, "Speed"))
	}
	if w := o[ifaceWireless]; w != nil {
		d.Mbps = int(get[uint32](w, "Bitrate") / 1000)
		if point := s.objects[get[dbus.ObjectPath](w, "ActiveAccessPoint")][ifacePoint]; point != nil {
			x := pointOf(point)
			d.SSID, d.Signal, d.Band = x.ssid, x.signal, BandOf(x.frequency)
		}
	}
	for iface, property := range map[string]string{ifaceIP4: "Ip4Config", ifaceIP6: "Ip6Config"} {
		d.addresses(s.objects[get[dbus.ObjectPath](p, property)][iface])
	}
	slices.SortFunc(d.Addresses, func(a, b netip.Prefix) int { return a.Compare(b) })
	slices.SortFunc(d.Gateways, netip.Addr.Compare)
	return d
}

// farther joins what is known of the two IP versions. A portal shows unless the
// other gets past it.
func farther(a, b Connectivity) Connectivity {
	for _, c := range []Connectivity{ConnectivityFull, ConnectivityPortal, ConnectivityLimited, ConnectivityNone} {
		if a == c || b == c {
			return c
		}
	}
	return ConnectivityUnknown
}

// addresses adds those of an IP4Config or IP6Config.
func (d *Device) addresses(p props) {
	list := get[[]map[string]dbus.Variant](p, "AddressData")
	for _, x := range list[:min(len(list), maxAddresses)] {
		if a, err := netip.ParseAddr(get[string](x, "address")); err == nil {
			if prefix, err := a.WithZone("").Prefix(int(min(get[uint32](x, "prefix"), 128))); err == nil {
				d.Addresses = append(d.Addresses, netip.PrefixFrom(a.WithZone(""), prefix.Bits()))
			}
		}
	}
	if a, err := netip.ParseAddr(get[string](p, "Gateway")); err == nil {
		d.Gateways = append(d.Gateways, a)
	}
}

// pointOf reads an access point.
func pointOf(p props) point {
	return point{
		ssid:      SSID(get[[]byte](p, "Ssid")),
		security:  securityOf(get[uint32](p, "Flags"), get[uint32](p, "WpaFlags"), get[uint32](p, "RsnFlags")),
		signal:    int(min(get[byte](p, "Strength"), 100)),
		frequency: int(min(get[uint32](p, "Frequency"), 1<<20)),
	}
}

// nearby lists the networks around, with the profiles that fit.
func (s *store) nearby(profiles []Profile) []Nearby {
	const adHoc, mesh = 1, 4 // NM80211Mode
	active := map[dbus.ObjectPath]bool{}
	var points []point
	for _, o := range s.objects {
		if w := o[ifaceWireless]; w != nil && phaseOf(get[uint32](o[ifaceDevice], "State")) == PhaseConnected {
			active[get[dbus.ObjectPath](w, "ActiveAccessPoint")] = true
		}
	}
	for path, o := range s.objects {
		p := o[ifacePoint]
		if mode := get[uint32](p, "Mode"); p == nil || mode == adHoc || mode == mesh {
			continue
		}
		x := pointOf(p)
		x.active = active[path]
		points = append(points, x)
	}
	out := merge(points)
	for i := range out {
		n := &out[i]
		if p, ok := fitting(profiles, n.SSID, n.Security); ok {
			n.Profile = p.ID
		}
	}
	return out
}

// fitting finds the profile of a Wi-Fi network: of several that which was
// used last.
func fitting(profiles []Profile, ssid SSID, security Security) (best Profile, ok bool) {
	for _, p := range profiles {
		if p.Kind == KindWiFi && p.SSID == ssid && p.Security.family() == security.family() &&
			(!ok || p.LastUsed.After(best.LastUsed) || p.LastUsed.Equal(best.LastUsed) && p.ID < best.ID) {
			best, ok = p, true
		}
	}
	return best, ok
}

// profileOf reads what GetSettings says, which has no secrets in it.
func profileOf(path dbus.ObjectPath, s settings) Profile {
	c := s[sectionProfile]
	p := Profile{
		ID: ID(path), UUID: sanitise(get[string](c, "uuid")), Name: sanitise(get[string](c, "id")), Kind: KindOther,
		Auto: true, Priority: int(get[int32](c, "autoconnect-priority")),
		Metered: map[int32]Choice{1: Yes, 2: No}[get[int32](c, "metered")],
	}
	if auto, ok := value[bool](c, "autoconnect"); ok { // left out where it is the default
		p.Auto = auto
	}
	if t := get[uint64](c, "timestamp"); t > 0 && t < 1<<40 {
		p.LastUsed = time.Unix(int64(t), 0)
	}
	switch get[string](c, "type") {
	case sectionWiFi:
		w := s[sectionWiFi]
		p.Kind, p.SSID, p.Hidden = KindWiFi, SSID(get[[]byte](w, "ssid")), get[bool](w, "hidden")
		p.Security = profileSecurity(s)
	case sectionCable:
		p.Kind = KindCable
		if s[sectionLogin] != nil {
			p.Security = Enterprise
		}
	case sectionPhone:
		p.Kind = KindPhone
	case sectionMobile, "cdma":
		p.Kind = KindMobile
	}
	if proxy := get[map[string]string](s[sectionUser], "data")[proxyKey]; (Proxy{Address: proxy}).check() == nil {
		p.Proxy = proxy
	}
	return p
}

// profileSecurity reads the section of a Wi-Fi profile.
func profileSecurity(s settings) Security {
	switch key := get[string](s[sectionSecurity], "key-mgmt"); {
	case key == "":
		return Open
	case key == "owe":
		return Enhanced
	case key == "sae":
		return WPA3
	case key == "wpa-psk":
		return WPA2
	case key == "wpa-eap-suite-b-192":
		return Suite192
	case strings.HasPrefix(key, "wpa-eap"):
		return Enterprise
	}
	return WEP // key-mgmt none or ieee8021x
}
