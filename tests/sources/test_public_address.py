"""Which addresses a source may have."""

import pytest

from chalicelib.errors import SourceRefused, SourceUnavailable
from chalicelib.sources.public_address import LOOPBACK_SETTING, addresses_of, is_outside


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",  # the cloud's metadata service
        "fd00:ec2::254",  # the same by IPv6
        "fe80::1%eth0",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "240.0.0.1",
        "::ffff:10.0.0.1",  # a private address dressed as IPv6
        "2002:a00:1::",  # the same by 6to4
        "64:ff9b::a9fe:a9fe",  # the metadata service by NAT64
        "64:ff9b:1::a9fe:a9fe",  # the same by NAT64's local-use prefix
        "64:ff9b:1::5db8:d822",  # which is nobody's on the open internet, wherever it leads
        "::a9fe:a9fe",  # IPv4-compatible
        "::5db8:d822",
        "::ffff:0:a9fe:a9fe",  # SIIT
        "fec0::1",  # site-local
        "192.88.99.1",  # the anycast address of 6to4 relays
        "2002:c058:6301::",  # the same by 6to4
        "192.0.0.9",  # the anycast address of whoever translates addresses here
        "2001:1::1",  # the same by IPv6
        "2001:0:a9fe:a9fe::",  # Teredo
        "5f00::1",  # ids of segments inside a network
        "3fff::1",  # for documentation
        "4000::1",  # given to nobody
        "e000::1",
    ],
)
def test_what_is_inside_is_no_source(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_SETTING, raising=False)

    assert not is_outside(address)
    with pytest.raises(SourceRefused, match="not an address on the open internet"):
        addresses_of(address.split("%")[0], 22)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_the_open_internet_is(address: str) -> None:
    assert is_outside(address)


def test_a_name_is_judged_by_where_it_leads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LOOPBACK_SETTING, raising=False)

    with pytest.raises(SourceRefused, match="localhost leads to"):
        addresses_of("localhost", 22)


def test_the_setting_of_a_developers_machine_lets_loopback_in_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOOPBACK_SETTING, "allowed")

    assert addresses_of("127.0.0.1", 22) == ["127.0.0.1"]
    assert not is_outside("169.254.169.254")
    assert not is_outside("10.0.0.1")


def test_a_name_that_nobody_knows_may_be_known_in_a_minute() -> None:
    with pytest.raises(SourceUnavailable, match=r"district\.invalid is not known"):
        addresses_of("district.invalid", 22)
