"""The operations a TorchScript module may call: arithmetic on tensors, lists and text.

Each computes from its arguments alone; what `print` prints goes nowhere (`perform.foreign.sandbox`). Left out
on purpose: `from_file`, `save`, memory by address
(`as_strided`, `set_`, `resize_`), the global seed (`manual_seed`), and other namespaces (`torch.ops`,
`torch.classes`).
"""

from __future__ import annotations

#: torch.NAME, and its in-place form NAME_
ARITHMETIC = """
abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr arccos arccosh arcsin arcsinh arctan
arctan2 arctanh asin asinh atan atan2 atanh baddbmm bernoulli bitwise_and bitwise_left_shift bitwise_not
bitwise_or bitwise_right_shift bitwise_xor cauchy ceil celu clamp clamp_max clamp_min clip conj
conj_physical copysign cos cosh cumprod cumsum deg2rad digamma div divide dropout elu eq erf erfc erfinv exp
exp2 expm1 exponential fill fix float_power floor floor_divide fmod frac gcd ge gelu geometric greater
greater_equal gt hardsigmoid hardswish hardtanh heaviside hypot i0 igamma igammac index_add index_fill
index_put index_reduce lcm ldexp le leaky_relu lerp less less_equal lgamma log log10 log1p log2 log_normal
logical_and logical_not logical_or logical_xor logit lt masked_fill masked_scatter mish mul multiply
mvlgamma nan_to_num ne neg negative nextafter normal not_equal polygamma pow rad2deg random reciprocal relu
relu6 remainder renorm round rrelu rsqrt scatter scatter_add scatter_reduce selu sgn sigmoid sign silu sin
sinc sinh sqrt square squeeze sub subtract swapaxes swapdims t tan tanh threshold transpose tril triu
true_divide trunc uniform unsqueeze xlogy zero
"""

#: torch.NAME without an in-place form
TORCH = """
Bool Complex ComplexImplicit Delete Float FloatImplicit Int IntImplicit ScalarImplicit Size
adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d alias all allclose
alpha_dropout amax amin aminmax any append arange argmax argmin argsort argwhere as_tensor atleast_1d
atleast_2d atleast_3d avg_pool1d avg_pool2d bartlett_window batch_norm bilinear bin bincount binomial
blackman_window block_diag bmm broadcast_shapes broadcast_tensors broadcast_to bucketize capitalize
cartesian_prod cat cdist celu chain_matmul channel_shuffle cholesky cholesky_inverse cholesky_solve chr
chunk clear clone col2im column_stack combinations complex concat concatenate constant_pad_nd contiguous
conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution copy copy_
corrcoef cosine_similarity count count_nonzero cov cpu cross cummax cummin cumulative_trapezoid det detach
detach_ diag diag_embed diagflat diagonal diagonal_scatter dict diff dim dist divmod dot dsplit dstack
einsum element_size embedding embedding_bag empty empty_like endswith equal expand expand_as extend eye fabs
factorial fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift fft_hfft fft_ifft fft_ifft2 fft_ifftn
fft_ifftshift fft_ihfft fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq fft_rfftn find
flatten flip fliplr flipud floordiv fmax fmin format frexp frobenius_norm full full_like gamma gather get
get_device glu grad gradient grid_sampler group_norm gru gru_cell hamming_window hann_window hash hex histc
hsplit hstack im2col imag index index_select inner insert instance_norm inverse is_complex is_conj
is_contiguous is_floating_point is_grad_enabled is_inference is_neg is_nonzero is_same_size is_scripting
is_signed isalnum isalpha isclose isdecimal isdigit isfinite isin isinf islower isnan isneginf isnumeric
isposinf isreal isspace istft isupper item items join kaiser_window keys kl_div kron kthvalue l1_loss
layer_norm len linalg_cholesky linalg_cond linalg_cross linalg_det linalg_diagonal linalg_eig linalg_eigh
linalg_eigvals linalg_eigvalsh linalg_inv linalg_lstsq linalg_lu linalg_matmul linalg_matrix_exp
linalg_matrix_norm linalg_matrix_power linalg_matrix_rank linalg_multi_dot linalg_norm linalg_pinv linalg_qr
linalg_slogdet linalg_solve linalg_solve_triangular linalg_svd linalg_svdvals linalg_vecdot
linalg_vector_norm linear linspace list log_sigmoid log_softmax logaddexp logaddexp2 logcumsumexp logdet
logspace logsumexp lower lstm lstm_cell lstrip masked_select mathremainder matmul matrix_H matrix_exp
matrix_power max max_pool1d max_pool1d_with_indices max_pool2d max_unpool2d maximum mean median meshgrid min
minimum mm mode modf moveaxis movedim mse_loss msort multinomial mv mH mT nanmean nanmedian nansum narrow
new_empty new_full new_ones new_zeros nonzero norm numel numpy_T nuclear_norm one_hot ones ones_like ord
outer pad pad_sequence pairwise_distance percentFormat permute pinverse pixel_shuffle pixel_unshuffle
poisson polar pop popitem positive prod promote_types qr rand rand_like randint randint_like randn
randn_like randperm range ravel real reflection_pad1d reflection_pad2d remove repeat repeat_interleave
replace replication_pad1d replication_pad2d requires_grad_ reshape reshape_as resolve_conj resolve_neg
result_type reverse rms_norm rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 row_stack rsplit
rstrip rsub scalar_tensor scaled_dot_product_attention searchsorted select select_scatter setdefault signbit
size slice slice_scatter slogdet smooth_l1_loss softmax sort sorted special_bessel_j0 special_bessel_j1
special_entr special_expit special_i0e special_i1 special_i1e special_log_ndtr special_ndtr special_ndtri
special_psi special_softmax special_xlog1py special_zeta split split_with_sizes stack startswith std
std_mean stft str stride strip sum sum_to_size svd take take_along_dim tensor tensor_split tensordot tile
title to topk trace trapezoid trapz tril_indices triu_indices type_as unbind unflatten unfold
unique_consecutive unique_dim unsafe_chunk unsafe_split update upper upsample_bicubic2d upsample_bilinear2d
upsample_linear1d upsample_nearest1d upsample_nearest2d values vander var var_mean vdot view view_as
view_as_complex view_as_real vsplit vstack warn where zeros zeros_like zfill adjoint angle degrees
fill_diagonal_ hardshrink prelu radians softplus softshrink _convolution _cast_Float _cast_Long _set_item
_unique2 _shape_as_tensor _weight_norm __and__ __contains__ __derive_index __getitem__ __is__ __isnot__
__lshift__ __not__ __or__ __range_length __round_to_zero_floordiv __rshift__ __xor__ __iand__ __ior__
__ixor__
"""

#: ops.prim.NAME
PRIM = """
NumToTensor RaiseException StringIndex TupleIndex TupleUnpack Uninitialized abs data device dtype index
is_cpu is_cuda is_meta is_mps is_nested is_quantized is_sparse itemsize layout max min nbytes rangelist
requires_grad tolist type unchecked_cast unchecked_unwrap_optional
"""

#: functions called by their bare name
BARE = "annotate bool complex float getattr int isinstance len print range str unchecked_cast uninitialized"

#: names in a type
TYPES = """
Any Device Dict Final Layout List NoneType Optional Tensor Tuple Union bool complex float int number str
"""

OPERATIONS = frozenset(
    [f"torch.{name}{end}" for name in ARITHMETIC.split() for end in ("", "_")]
    + [f"torch.{name}" for name in TORCH.split()]
    + [f"ops.prim.{name}" for name in PRIM.split()]
)
