"""The steps of `make up` on the built-in cluster, from nothing to running operators."""

from local.images import layers
from local.images.layers import Layer
from local.images.oci import Importer
from local.images.packages import Python
from local.images.table import BACKUP_IMAGES, IMAGES, LocalImage
from local.node.node import Node
from local.operators import BARMAN_CLOUD, OPERATORS
from local.operators.operator import LocalOperator, install
from local.paths import Paths
from local.shell import run
from local.steps import Step
from local.toolchain import debian, gotools, prebuilt, pulumi, wheels
from local.toolchain.programs import KUBERNETES, Program, of_tool
from local.toolchain.tools import TOOLS, GoTool

ELSEWHERE = {"promtool", "actionlint"}
"""Tools that other commands build: for tests (`make promtool`), and for `make lint`."""
FOR_BACKUPS = {BARMAN_CLOUD.name}
"""Tools that only a stack with backups needs."""


class Plan:
    """All steps, and the image references that they leave for the stack.

    With `backups`, the plugin that archives databases is there as well; with `policies`, the node keeps
    NetworkPolicies.
    """

    def __init__(self, paths: Paths, *, backups: bool = False, policies: bool = False) -> None:
        self.paths = paths
        self.images = (*IMAGES, *(BACKUP_IMAGES if backups else ()))
        self.operators = (*OPERATORS, *((BARMAN_CLOUD,) if backups else ()))
        self._pulumi = pulumi.users_own(paths)
        self._left_out = ELSEWHERE | (set() if backups else FOR_BACKUPS) | ({"pulumi"} if self._pulumi else set())
        self.node = Node(paths)
        self._policies = self.node.keep_policies if policies else self.node.forget_policies
        self.references: dict[str, str] = {}
        self._importer = Importer(self.node.socket, paths)

    def steps(self) -> list[Step]:
        paths = self.paths
        for folder in (paths.bin, paths.images):
            folder.mkdir(parents=True, exist_ok=True)
        tools = [tool for tool in TOOLS.values() if tool.name not in self._left_out]
        layers_by_name = {layer.name: layer for image in self.images for layer in image.layers}
        builds = self._builds([tool for tool in tools if tool.commands])
        operators = [self._operator(operator) for operator in self.operators]
        return [
            Step(name="debian packages", run=debian.install),
            *builds,
            Step(
                name="programs",
                run=lambda: wheels.fetch(paths),
                key=wheels.key,
                present=lambda: all((paths.bin / program).exists() for program in wheels.PROGRAMS),
            ),
            *(self._layer(layer) for layer in layers_by_name.values()),
            *self._start(),
            *(self._image(image) for image in self.images),
            *operators,
            *self._engine(),
            # Operators' manifests are in modules, too.
            Step(
                name="go caches",
                run=lambda: gotools.forget_caches(paths),
                needs=[step.name for step in (*builds, *operators)],
            ),
        ]

    def _engine(self) -> list[Step]:
        """Pulumi's plugins, after the user's own CLI or the one that is built."""
        paths, found = self.paths, self._pulumi
        plugins = Step(
            name="pulumi plugins",
            run=lambda: pulumi.provide_plugins(paths),
            # Asked once for each version: finding out that a site cannot be reached takes seconds.
            key=pulumi.plugins_key,
            present=lambda: pulumi.plugins(paths).is_dir(),
            needs=["pulumi" if found else "build pulumi"],
        )
        return [Step(name="pulumi", run=lambda: pulumi.link(found, paths)), plugins] if found else [plugins]

    def _builds(self, tools: list[GoTool]) -> list[Step]:
        return [step for program in (KUBERNETES, *map(of_tool, tools)) for step in self._build(program)]

    def _build(self, program: Program) -> tuple[Step, Step]:
        paths = self.paths
        # A step of its own, as a build that waits for the network would keep the cores from the others.
        modules = Step(name=f"modules {program.name}", run=lambda: prebuilt.fetch(program, paths), key=program.key)
        build = Step(
            name=f"build {program.name}",
            run=lambda: prebuilt.provide(program, paths),
            needs=[modules.name],
            key=program.key,
            present=lambda: all((paths.bin / binary).exists() for binary in program.binaries),
            heavy=True,
        )
        return modules, build

    def _layer(self, layer: Layer) -> Step:
        return Step(
            name=f"layer {layer.name}",
            run=lambda: layers.build(layer, self.paths),
            needs=layer_needs(layer),
            key=lambda: layer.key(self.paths),
            present=lambda: layers.layer_tar(layer, self.paths).exists(),
        )

    def _start(self) -> list[Step]:
        node = self.node
        return [
            Step(name="node configuration", run=node.prepare, needs=["debian packages"]),
            Step(name="containerd", run=node.start_runtime, needs=["node configuration", "build kubernetes"]),
            Step(name="control plane", run=node.start_control_plane, needs=["containerd"]),
            Step(name="network policies", run=self._policies, needs=["control plane"]),
            Step(name="node", run=node.start_workers, needs=["control plane", "image pause"]),
        ]

    def _image(self, image: LocalImage) -> Step:
        # Packages are most of what is imported: the first image brings them, the next find them there.
        packages = {layer for layer in image.layers if isinstance(layer, Python)}
        earlier = self.images[: self.images.index(image)]
        after = [f"image {other.name}" for other in earlier if packages & set(other.layers)]

        def load() -> None:
            self.references[image.name] = self._importer.load(image)

        return Step(
            name=f"image {image.name}",
            run=load,
            needs=["containerd", *(f"layer {layer.name}" for layer in image.layers), *after],
        )

    def _operator(self, operator: LocalOperator) -> Step:
        return Step(
            name=f"operator {operator.name}",
            run=lambda: install(operator, self.node, self.references),
            needs=["node", *(f"image {name}" for name in operator.images), *operator.needs],
        )

    def stack_images(self) -> dict[str, str]:
        """References of the images that the stack's settings name."""
        return {image.name: self.references[image.name] for image in IMAGES if image.stack}

    def prune(self) -> None:
        """Removes images of earlier builds that nothing runs in, now or in its next step.

        The plugin's images stay once it was wanted, as it may still run.
        """
        built = [
            image
            for image in BACKUP_IMAGES
            if all(layers.layer_tar(layer, self.paths).exists() for layer in image.layers)
        ]
        named = run(*self.node.kubectl, "get", "pods,workflowtemplates,inferenceservices", "-A", "-o", "json")
        self._importer.prune((*IMAGES, *built), named)


def layer_needs(layer: Layer) -> list[str]:
    """What must be there before a layer can be built."""
    match layer:
        case layers.Programs():
            binaries = {binary for binary, _ in layer.binaries}
            tools = [f"build {tool.name}" for tool in TOOLS.values() if binaries & set(tool.commands.values())]
            return tools or (["programs"] if binaries <= set(wheels.PROGRAMS) else ["build kubernetes"])
        case layers.Base() | layers.Maven():
            return ["debian packages"]
        case layers.Apt():
            return ["debian packages", f"layer {layer.base.name}"]
        case _:
            return []
