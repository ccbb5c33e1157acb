#!/bin/sh
# A hook of `lockstep switchover` and `lockstep failover`: points the bootstrap names of Kafka to the region that is
# primary now, by a dynamic DNS update (RFC 2136) with nsupdate, in one transaction. It may run twice without harm.
#
#   hooks:
#     - name: dns
#       at: after
#       command: [/opt/lockstep/hooks/dns-nsupdate.sh, /etc/lockstep/dns.conf]
#       timeout: 10s
#
# dns.conf, in the shell's syntax; hyphens of a region's name are underscores in ADDRESSES_...:
#
#   SERVER=10.0.0.53              # the zone's primary name server; "ADDRESS PORT" for another port than 53
#   ZONE=example.com
#   KEY=/etc/lockstep/update.key  # as of tsig-keygen; readable to nobody else
#   NAMES="kafka.shop"            # below the zone
#   TTL=5                         # s; clients that cache names go by it
#   ADDRESSES_us_east="10.1.0.10 10.1.0.11"
#   ADDRESSES_eu_west="10.2.0.10 10.2.0.11"
set -eu

conf=${1:?the file with the settings}
. "$conf"

case $LOCKSTEP_TO in
  '' | *[!a-zA-Z0-9_.-]*) echo "no name of a region: $LOCKSTEP_TO" >&2; exit 1 ;;
esac
variable=ADDRESSES_$(printf %s "$LOCKSTEP_TO" | tr '.-' '__')
eval "addresses=\${$variable:-}"
[ -n "$addresses" ] || { echo "$conf has no $variable" >&2; exit 1; }

{
  echo "server $SERVER"
  echo "zone $ZONE"
  for name in $NAMES; do
    echo "update delete $name.$ZONE. A"
    for address in $addresses; do
      echo "update add $name.$ZONE. ${TTL:-5} A $address"
    done
  done
  echo send
} | nsupdate -t 5 -k "$KEY"

echo "$NAMES below $ZONE: $addresses"
