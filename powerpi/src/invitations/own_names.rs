//! Where others may reach this machine.

use std::net::{IpAddr, UdpSocket};

use daemon_runtime::Address;

/// By its name, then by the addresses from which it reaches others, each with `port`.
pub(crate) fn own_addresses(port: u16) -> Vec<Address> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = Some(name.trim()).filter(|name| !name.is_empty() && !name.starts_with("localhost"));
    let numbers = ["192.0.2.1:9", "[2001:db8::1]:9"].into_iter().filter_map(address_towards);
    let numbers = numbers.filter(|address| is_of_use(*address)).map(|address| address.to_string());
    let hosts = name.map(str::to_owned).into_iter().chain(numbers);
    hosts.map(|host| Address { host, port: Some(port) }).collect()
}

/// The address of this machine that packets to `there` would come from. None is sent.
fn address_towards(there: &str) -> Option<IpAddr> {
    let anywhere = if there.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(anywhere).ok()?;
    socket.connect(there).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// Whether others can use it: one of IPv6 that is good in one network card's link only, they cannot.
fn is_of_use(address: IpAddr) -> bool {
    let is_of_a_link = matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    !address.is_loopback() && !address.is_unspecified() && !is_of_a_link
}
