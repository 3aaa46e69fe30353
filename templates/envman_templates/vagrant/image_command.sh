# Becomes a command of an image, which is its arguments. Told by variables: image, user (as whom it works when root calls
# it), state and run (the folders of services). The server itself is told by two more in its environment: ENVMAN_BOX (what
# its container is called) and ENVMAN_NUMBERS (a file for its id).
numbers=$(id -u):$(id -g) docker=docker
names=$(awk 'BEGIN { for (name in ENVIRON) if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/) print name }' |
  grep -Evx 'PATH|PWD|OLDPWD|SHLVL|_|HOSTNAME|ENVMAN_.*|LD_.*|SUDO_.*' || true)
if [ "$(id -u)" = 0 ]; then
  numbers=$(id -u "$user"):$(id -g "$user")
else
  # By their names alone: a value may be a password, and everybody sees what a command is called with.
  docker="sudo -n --preserve-env=$(printf %s "$names" | tr '\n' ,) docker"
fi
program=$1
shift
set -- --entrypoint "$program" "$image" "$@"
for name in $names; do
  set -- --env "$name" "$@"
done
if [ "${ENVMAN_BOX:-}" ]; then
  docker rm --force "$ENVMAN_BOX" >/dev/null 2>&1
  rm -f "$ENVMAN_NUMBERS"
  set -- --name "$ENVMAN_BOX" --cidfile "$ENVMAN_NUMBERS" "$@"
fi
case $PWD in
/ | "$state"/* | "$run"/*) ;;
*) set -- --volume "$PWD:$PWD" "$@" ;;
esac
exec $docker run --rm --interactive --init --pull never --log-driver none --network host --shm-size 1g \
  --user "$numbers" --workdir "$PWD" --volume "$state:$state" --volume "$run:$run" \
  --volume /etc/passwd:/etc/passwd:ro --volume /etc/group:/etc/group:ro "$@"
