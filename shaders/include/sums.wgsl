// Diagonal sums as the result of a kernel.

fn store_sums(image: u32, quad: u32, d: u32, sum: vec4<i32>) {
    for (var k = 0u; k < 4u; k++) { // unrolled
        let c = quad * 4u + k;
        if c < OUT_C {
            sums[(image * OUT_C + c) * DIAGONALS + d] = sum[k];
        }
    }
}
