// Measures the peak rate of reading and writing memory by copying a buffer that no cache can hold. Neighbouring
// invocations copy neighbouring vectors; each invocation copies several, one dispatch size apart.

struct Run { rounds: u32, salt: u32, pad_0: u32, pad_1: u32 }

@group(0) @binding(0) var<uniform> run: Run;
@group(0) @binding(1) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> target_: array<vec4<u32>>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let invocations = groups.x * 64u;
    let vectors = arrayLength(&source);
    for (var i = id.x; i < vectors; i += invocations) {
        target_[i] = source[i] + vec4(run.salt);
    }
}
