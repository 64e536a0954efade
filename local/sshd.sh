#!/bin/sh
# The SFTP tests need an OpenSSH server to talk to; where there is none, the system's package manager has one. (macOS has it.)
[ -x /usr/sbin/sshd ] && exit 0
echo "Installing OpenSSH's server"
as_root=$([ "$(id -u)" = 0 ] || echo sudo)
# Only the program is wanted: policy-rc.d keeps the package from starting a server of the machine's own.
$as_root sh -c 'apt-get update -qq && printf "#!/bin/sh\nexit 101\n" > /usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openssh-server >/dev/null; code=$?; rm -f /usr/sbin/policy-rc.d; exit $code'
