{{/* The facts every part of the platform shares: include "facts" . | fromJson */}}
{{- define "facts" -}}
{{- $facts := .Files.Get "files/dapr-config/platform.json" | required "files/dapr-config is missing: package the chart with helm package, which follows its links" | fromJson -}}
{{- if ne .Release.Namespace $facts.namespace -}}
{{- fail (printf "install into the namespace %s (-n %s), not %s: roles, mTLS identities and access control name it" $facts.namespace $facts.namespace .Release.Namespace) -}}
{{- end -}}
{{- toJson $facts -}}
{{- end -}}

{{/* Of everything that belongs to a service, or to the page: include "labels" (list $ "cart-service") */}}
{{- define "labels" -}}
{{- $root := index . 0 -}}
{{- $facts := include "facts" $root | fromJson -}}
{{ include "selector" . }}
app.kubernetes.io/component: {{ ternary "page" "service" (eq (index . 1) $facts.page.name) }}
app.kubernetes.io/version: {{ include "tag" $root | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{/* Never changes: a Deployment keeps its selector for life. */}}
{{- define "selector" -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/part-of: {{ (index . 0).Release.Name }}
{{- end -}}

{{- define "tag" -}}
{{ .Values.images.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* include "image" (list $ "gateway") */}}
{{- define "image" -}}
{{- $root := index . 0 -}}
{{ with $root.Values.images.registry }}{{ . }}/{{ end }}ecommerce/{{ index . 1 }}:{{ include "tag" $root }}
{{- end -}}

{{/* What PodSecurity restricted wants of a pod, and of a container. The images run as this user. */}}
{{- define "podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
{{- end -}}

{{/* What dapr-config/local/aws.yaml lays over the components, with the emulators' addresses; nothing on AWS. */}}
{{- define "overlay" -}}
{{- if .Values.emulators.enabled -}}
{{- $facts := include "facts" . | fromJson -}}
{{- $text := .Files.Get "files/dapr-config/local/aws.yaml" -}}
{{- $text = $text | replace "${aws}" (printf "http://aws:%v" $facts.ports.aws) -}}
{{- $text = $text | replace "${dynamodb}" (printf "http://dynamodb:%v" $facts.ports.dynamodb) -}}
{{- toJson (fromYaml $text).components -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* The components: the files as they are, or with the overlay's metadata over theirs, as tools/shop/render.py does it. */}}
{{- define "components" -}}
{{- $overlay := include "overlay" . | fromJson -}}
{{- range $path, $_ := .Files.Glob "files/dapr-config/components/*.yaml" }}
{{- $text := $.Files.Get $path }}
{{- $component := fromYaml $text }}
{{- with index $overlay $component.metadata.name }}
{{- $changed := .metadata }}
{{- $metadata := list }}
{{- range $component.spec.metadata }}
{{- if not (hasKey $changed .name) }}{{ $metadata = append $metadata . }}{{ end }}
{{- end }}
{{- range $name, $value := $changed }}
{{- $metadata = append $metadata (dict "name" $name "value" $value) }}
{{- end }}
{{- $_ := set $component.spec "metadata" $metadata }}
{{- $text = toYaml $component }}
{{- end }}
---
{{ $text }}
{{- end }}
{{- end -}}

{{/* The rest of what sidecars load, as it is. */}}
{{- define "resources" -}}
{{- range $path, $_ := .Files.Glob "files/dapr-config/subscriptions/*.yaml" }}
---
{{ $.Files.Get $path }}
{{- end }}
---
{{ .Files.Get "files/dapr-config/resiliency.yaml" }}
---
{{ .Files.Get "files/dapr-config/configuration.yaml" }}
{{- end -}}

{{/* nginx's configuration in a pod, filled in as tools/shop/render.py does it: include "nginx" (list $ port upstreams routes)
The images have no sleep, and Kubernetes' own comes with 1.30: what makes a container linger is a page handed out at 100 bytes a second. */}}
{{- define "nginx" -}}
{{- $root := index . 0 -}}
{{- $facts := include "facts" $root | fromJson -}}
{{- $origins := list -}}
{{- range $root.Values.allowedOrigins }}{{ $origins = append $origins (printf "%q %q;" . .) }}{{ end -}}
{{- $door := $root.Files.Get "files/gateway/door.conf" | replace "@{listen}" (toString (index . 1)) | replace "@{routes}" (index . 3) | replace "@{vary}" (ternary "Origin" "" (gt (len $root.Values.allowedOrigins) 0)) -}}
{{- $conf := $root.Files.Get "files/gateway/nginx.conf" | replace "@{user}" "" | replace "@{run}" "/run/gateway" | replace "@{origins}" (join " " $origins) -}}
{{- $linger := printf "  server {\n    listen %v;\n    access_log off;\n    location = /linger { limit_rate 100; return 200 %s; }\n  }" $facts.pod.linger (repeat (int $root.Values.stopping.lingerSeconds) (repeat 100 ".")) -}}
{{- $conf = $conf | replace "@{upstreams}" (index . 2) | replace "@{doors}" (printf "%s\n%s" $door $linger) -}}
{{- if contains "@{" $conf -}}{{- fail "services/gateway has a placeholder that the chart does not fill in" -}}{{- end -}}
{{- $conf -}}
{{- end -}}

{{/* That of what serves the page. Load balancers ask every target for /readyz: include "page" $ */}}
{{- define "page" -}}
{{- $facts := include "facts" . | fromJson -}}
{{- $page := .Files.Get "files/gateway/page.conf" | replace "@{page}" $facts.page.files -}}
{{- include "nginx" (list . $facts.ports.gateway "" (printf "location = /readyz { access_log off; return 204; }\n%s" $page)) -}}
{{- end -}}

{{/* That of a service's door: include "door" (list $ "cart-service") */}}
{{- define "door" -}}
{{- $root := index . 0 -}}
{{- $facts := include "facts" $root | fromJson -}}
{{- $app := index $facts.apps (index . 1) -}}
{{- $facade := printf "%s:%v" $facts.host $app.ports.facade -}}
{{- $upstream := printf "upstream %s { zone %s 64k; server %s max_fails=1 fail_timeout=2s; keepalive 64; }" $app.short $app.short $facade -}}
{{- $streams := "" -}}
{{- if hasKey $app.ports "stream" -}}
{{- $upstream = printf "%s\n  upstream %s-streams { zone %s-streams 64k; server %s:%v max_fails=1 fail_timeout=2s; keepalive 64; }" $upstream $app.short $app.short $facts.host $app.ports.stream -}}
{{- $streams = printf "%s\n" ($root.Files.Get (printf "files/gateway/%s-streams.conf" $app.short)) -}}
{{- end -}}
{{- $repeats := ternary "proxy_next_upstream error timeout http_503 http_504 non_idempotent; " "" (gt (len $app.actors) 0) -}}
{{- $routes := printf "%slocation / { %sproxy_pass http://%s; }" $streams $repeats $app.short -}}
{{- include "nginx" (list $root $app.ports.door $upstream $routes) -}}
{{- end -}}
