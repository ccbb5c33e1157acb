#!/bin/sh
# A hook of `lockstep switchover` and `lockstep failover`: switches a Kubernetes Service, which clients have as their
# bootstrap name, to the region that is primary now. It may run twice without harm.
#
#   hooks:
#     - name: service
#       at: after
#       command: [/opt/lockstep/hooks/kubernetes-service.sh, --context, prod, --namespace, shop, --service, kafka,
#                 --external-name, 'kafka.{region}.example.com']
#
# A Service with a selector instead: `--selector kafka.example.com/region` sets that label of its selector to the region's
# name; the other labels stay. The account of the context needs `get` and `patch` on that Service, nothing else.
set -eu

context='' namespace=default service='' external='' selector=''
while [ $# -gt 0 ]; do
  case $1 in
    --context) context=$2 ;;
    --namespace) namespace=$2 ;;
    --service) service=$2 ;;
    --external-name) external=$2 ;;
    --selector) selector=$2 ;;
    *) echo "unknown option $1" >&2; exit 2 ;;
  esac
  shift 2
done
[ -n "$service" ] || { echo '--service is missing' >&2; exit 2; }

case $LOCKSTEP_TO in
  '' | *[!a-zA-Z0-9_.-]*) echo "no name of a region: $LOCKSTEP_TO" >&2; exit 1 ;;
esac
if [ -n "$external" ]; then
  name=$(printf %s "$external" | sed "s/{region}/$LOCKSTEP_TO/g")
  patch="{\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"$name\"}}"
elif [ -n "$selector" ]; then
  patch="{\"spec\":{\"selector\":{\"$selector\":\"$LOCKSTEP_TO\"}}}"
else
  echo 'one of --external-name and --selector is needed' >&2
  exit 2
fi

kubectl ${context:+--context "$context"} --namespace "$namespace" --request-timeout 5s \
  patch service "$service" --type merge --patch "$patch"
