# Becomes the container of a service with an image. Told by variables: name, image, box (what the container is called),
# network, volumes (the folder of its data), numbers (a file for its id), published (ports, or nothing).
docker rm --force "$box" >/dev/null 2>&1
rm -f "$numbers"
# Without this answer it would begin with nothing of what it has kept.
paths=$(docker image inspect --format '{{range $path, $_ := .Config.Volumes}}{{println $path}}{{end}}' "$image") || exit 125
set --
# What the image says it keeps, in folders of ours: they outlive the container, and can be brought out of the machine.
while IFS= read -r path; do
  [ "$path" ] || continue
  part=$(printf %s "$path" | tr -c 'A-Za-z0-9._' -)
  mkdir -p "$volumes/$part"
  docker volume inspect "$box$part" >/dev/null 2>&1 ||
    docker volume create --opt type=none --opt o=bind --opt "device=$volumes/$part" "$box$part" >/dev/null || exit 125
  set -- "$@" --mount "type=volume,source=$box$part,target=$path"
done <<PATHS
$paths
PATHS
[ -z "$published" ] || set -- "$@" --publish "$published"
# The journal has what it says; the engine need not keep it as well.
exec docker run --rm --name "$box" --hostname "$name" --network "$network" --network-alias "$name" --cidfile "$numbers" \
  --log-driver none "$@" "$image"
