// Parameter sets of HEVC from VA-API's structures (ITU-T H.265, 7.3.2), and
// slice headers that do without what VA-API leaves out: the short-term
// reference picture sets of the SPS.
#include "vatest.h"

#define NAL_IRAP_FIRST 16
#define NAL_IDR_W_RADL 19
#define NAL_IDR_N_LP 20
#define NAL_IRAP_LAST 23
#define NAL_VPS 32
#define NAL_SPS 33
#define NAL_PPS 34

#define PROFILE_MAIN 1
#define LEVEL_MAX 186 // 6.2

typedef VAPictureParameterBufferHEVC HEVCPicture;
typedef VASliceParameterBufferHEVC HEVCSlice;
typedef VAIQMatrixBufferHEVC HEVCMatrix;

#define PICTURE(p, field) ((p)->pic_fields.bits.field)
#define PARSING(p, field) ((p)->slice_parsing_fields.bits.field)

static VAStatus check(const HEVCPicture *p)
{
    if (PICTURE(p, chroma_format_idc) != 1 || p->bit_depth_luma_minus8 || p->bit_depth_chroma_minus8)
        return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
    if (p->CurrPic.flags & VA_PICTURE_HEVC_FIELD_PIC)
        return VA_STATUS_ERROR_UNIMPLEMENTED;
    if (p->num_long_term_ref_pic_sps)
        return VA_STATUS_ERROR_UNIMPLEMENTED; // VA-API leaves them out
    if (!p->pic_width_in_luma_samples || !p->pic_height_in_luma_samples)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    if (p->num_tile_columns_minus1 > 19 || p->num_tile_rows_minus1 > 21)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    if (p->sps_max_dec_pic_buffering_minus1 > 15 || p->log2_diff_max_min_luma_coding_block_size > 3)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    return VA_STATUS_SUCCESS;
}

static void put_nal(struct writer *w, unsigned type)
{
    put_start_code(w);
    put_bits(w, 16, type << 9 | 1); // layer 0, temporal id 0
}

static void put_profile_level(struct writer *w)
{
    put_bits(w, 8, PROFILE_MAIN);
    put_bits(w, 32, 1U << (31 - PROFILE_MAIN) | 1U << 29); // compatibility: Main, Main 10
    put_bits(w, 4, 9);                                     // progressive, frames only
    put_bits(w, 32, 0);
    put_bits(w, 12, 0);
    put_bits(w, 8, LEVEL_MAX);
}

static void put_buffering(struct writer *w, const HEVCPicture *p)
{
    put_bits(w, 1, 1); // sub_layer_ordering_info_present_flag
    put_ue(w, p->sps_max_dec_pic_buffering_minus1);
    put_ue(w, 0); // max_num_reorder_pics: output order is not the driver's
    put_ue(w, 0); // max_latency_increase_plus1
}

static void put_vps(struct writer *w, const HEVCPicture *p)
{
    put_nal(w, NAL_VPS);
    put_bits(w, 4, 0); // vps_video_parameter_set_id
    put_bits(w, 2, 3); // base layer internal, available
    put_bits(w, 6, 0); // vps_max_layers_minus1
    put_bits(w, 3, 0); // vps_max_sub_layers_minus1
    put_bits(w, 1, 1); // vps_temporal_id_nesting_flag
    put_bits(w, 16, 0xffff);
    put_profile_level(w);
    put_buffering(w, p);
    put_bits(w, 6, 0); // vps_max_layer_id
    put_ue(w, 0);      // vps_num_layer_sets_minus1
    put_bits(w, 1, 0); // vps_timing_info_present_flag
    put_bits(w, 1, 0); // vps_extension_flag
    put_trailing(w);
}

static void put_blocks(struct writer *w, const HEVCPicture *p)
{
    put_ue(w, p->log2_min_luma_coding_block_size_minus3);
    put_ue(w, p->log2_diff_max_min_luma_coding_block_size);
    put_ue(w, p->log2_min_transform_block_size_minus2);
    put_ue(w, p->log2_diff_max_min_transform_block_size);
    put_ue(w, p->max_transform_hierarchy_depth_inter);
    put_ue(w, p->max_transform_hierarchy_depth_intra);
}

static void put_pcm(struct writer *w, const HEVCPicture *p)
{
    put_bits(w, 1, PICTURE(p, pcm_enabled_flag));
    if (!PICTURE(p, pcm_enabled_flag))
        return;
    put_bits(w, 4, p->pcm_sample_bit_depth_luma_minus1);
    put_bits(w, 4, p->pcm_sample_bit_depth_chroma_minus1);
    put_ue(w, p->log2_min_pcm_luma_coding_block_size_minus3);
    put_ue(w, p->log2_diff_max_min_pcm_luma_coding_block_size);
    put_bits(w, 1, PICTURE(p, pcm_loop_filter_disabled_flag));
}

static void put_sps(struct writer *w, const HEVCPicture *p)
{
    put_nal(w, NAL_SPS);
    put_bits(w, 4, 0); // sps_video_parameter_set_id
    put_bits(w, 3, 0); // sps_max_sub_layers_minus1
    put_bits(w, 1, 1); // sps_temporal_id_nesting_flag
    put_profile_level(w);
    put_ue(w, 0); // sps_seq_parameter_set_id
    put_ue(w, PICTURE(p, chroma_format_idc));
    put_ue(w, p->pic_width_in_luma_samples);
    put_ue(w, p->pic_height_in_luma_samples);
    put_bits(w, 1, 0); // conformance_window_flag: surfaces hold all of it
    put_ue(w, p->bit_depth_luma_minus8);
    put_ue(w, p->bit_depth_chroma_minus8);
    put_ue(w, p->log2_max_pic_order_cnt_lsb_minus4);
    put_buffering(w, p);
    put_blocks(w, p);
    put_bits(w, 1, PICTURE(p, scaling_list_enabled_flag));
    if (PICTURE(p, scaling_list_enabled_flag))
        put_bits(w, 1, 0); // sps_scaling_list_data_present_flag: it is in the PPS
    put_bits(w, 1, PICTURE(p, amp_enabled_flag));
    put_bits(w, 1, PARSING(p, sample_adaptive_offset_enabled_flag));
    put_pcm(w, p);
    put_ue(w, 0); // num_short_term_ref_pic_sets: they are in the slices
    put_bits(w, 1, PARSING(p, long_term_ref_pics_present_flag));
    if (PARSING(p, long_term_ref_pics_present_flag))
        put_ue(w, 0); // num_long_term_ref_pics_sps
    put_bits(w, 1, PARSING(p, sps_temporal_mvp_enabled_flag));
    put_bits(w, 1, PICTURE(p, strong_intra_smoothing_enabled_flag));
    put_bits(w, 1, 0); // vui_parameters_present_flag
    put_bits(w, 1, 0); // sps_extension_present_flag
    put_trailing(w);
}

static void put_tiles(struct writer *w, const HEVCPicture *p)
{
    put_ue(w, p->num_tile_columns_minus1);
    put_ue(w, p->num_tile_rows_minus1);
    put_bits(w, 1, 0); // uniform_spacing_flag
    for (int i = 0; i < p->num_tile_columns_minus1; i++)
        put_ue(w, p->column_width_minus1[i]);
    for (int i = 0; i < p->num_tile_rows_minus1; i++)
        put_ue(w, p->row_height_minus1[i]);
    put_bits(w, 1, PICTURE(p, loop_filter_across_tiles_enabled_flag));
}

static void put_deblocking(struct writer *w, const HEVCPicture *p)
{
    put_bits(w, 1, 1); // deblocking_filter_control_present_flag
    put_bits(w, 1, PARSING(p, deblocking_filter_override_enabled_flag));
    put_bits(w, 1, PARSING(p, pps_disable_deblocking_filter_flag));
    if (PARSING(p, pps_disable_deblocking_filter_flag))
        return;
    put_se(w, p->pps_beta_offset_div2);
    put_se(w, p->pps_tc_offset_div2);
}

// Up-right diagonal scan of a square block (6.5.3): the place, row by row, of
// each coefficient in coding order.
static void diagonal(uint8_t *scan, int side)
{
    for (int sum = 0; sum <= 2 * (side - 1); sum++)
        for (int x = 0; x <= sum; x++)
            if (x < side && sum - x < side)
                *scan++ = (uint8_t)((sum - x) * side + x);
}

// One list of 7.3.4. Applications give VA-API lists row by row. dc is NULL
// below 16x16.
static void put_list(struct writer *w, const uint8_t *list, int side, const uint8_t *dc)
{
    uint8_t scan[64], last = 8;

    diagonal(scan, side);
    put_bits(w, 1, 1); // scaling_list_pred_mode_flag: coefficients follow
    if (dc) {
        put_se(w, *dc - 8);
        last = *dc;
    }
    for (int i = 0; i < side * side; i++) {
        put_se(w, (int8_t)(list[scan[i]] - last));
        last = list[scan[i]];
    }
}

static void put_matrix(struct writer *w, const HEVCMatrix *m)
{
    put_bits(w, 1, m != NULL); // pps_scaling_list_data_present_flag
    if (!m)
        return;
    for (int i = 0; i < 6; i++)
        put_list(w, m->ScalingList4x4[i], 4, NULL);
    for (int i = 0; i < 6; i++)
        put_list(w, m->ScalingList8x8[i], 8, NULL);
    for (int i = 0; i < 6; i++)
        put_list(w, m->ScalingList16x16[i], 8, &m->ScalingListDC16x16[i]);
    for (int i = 0; i < 2; i++)
        put_list(w, m->ScalingList32x32[i], 8, &m->ScalingListDC32x32[i]);
}

static void put_prediction(struct writer *w, const HEVCPicture *p)
{
    put_bits(w, 1, PICTURE(p, sign_data_hiding_enabled_flag));
    put_bits(w, 1, PARSING(p, cabac_init_present_flag));
    put_ue(w, p->num_ref_idx_l0_default_active_minus1);
    put_ue(w, p->num_ref_idx_l1_default_active_minus1);
    put_se(w, p->init_qp_minus26);
    put_bits(w, 1, PICTURE(p, constrained_intra_pred_flag));
    put_bits(w, 1, PICTURE(p, transform_skip_enabled_flag));
    put_bits(w, 1, PICTURE(p, cu_qp_delta_enabled_flag));
    if (PICTURE(p, cu_qp_delta_enabled_flag))
        put_ue(w, p->diff_cu_qp_delta_depth);
    put_se(w, p->pps_cb_qp_offset);
    put_se(w, p->pps_cr_qp_offset);
    put_bits(w, 1, PARSING(p, pps_slice_chroma_qp_offsets_present_flag));
    put_bits(w, 1, PICTURE(p, weighted_pred_flag));
    put_bits(w, 1, PICTURE(p, weighted_bipred_flag));
    put_bits(w, 1, PICTURE(p, transquant_bypass_enabled_flag));
}

static void put_pps(struct writer *w, const HEVCPicture *p, const HEVCMatrix *m, uint32_t id)
{
    put_nal(w, NAL_PPS);
    put_ue(w, id);
    put_ue(w, 0); // pps_seq_parameter_set_id
    put_bits(w, 1, PARSING(p, dependent_slice_segments_enabled_flag));
    put_bits(w, 1, PARSING(p, output_flag_present_flag));
    put_bits(w, 3, p->num_extra_slice_header_bits);
    put_prediction(w, p);
    put_bits(w, 1, PICTURE(p, tiles_enabled_flag));
    put_bits(w, 1, PICTURE(p, entropy_coding_sync_enabled_flag));
    if (PICTURE(p, tiles_enabled_flag))
        put_tiles(w, p);
    put_bits(w, 1, PICTURE(p, pps_loop_filter_across_slices_enabled_flag));
    put_deblocking(w, p);
    put_matrix(w, PICTURE(p, scaling_list_enabled_flag) ? m : NULL);
    put_bits(w, 1, PARSING(p, lists_modification_present_flag));
    put_ue(w, p->log2_parallel_merge_level_minus2);
    put_bits(w, 1, PARSING(p, slice_segment_header_extension_present_flag));
    put_bits(w, 1, 0); // pps_extension_present_flag
    put_trailing(w);
}

static bool is_irap(unsigned type)
{
    return type >= NAL_IRAP_FIRST && type <= NAL_IRAP_LAST;
}

// Starts r behind slice_pic_parameter_set_id (7.3.6.1).
static uint32_t begin_header(struct reader *r, const struct slice *s, unsigned *type, bool *first)
{
    reader_init(r, s->nalu, s->size);
    *type = get_bits(r, 16) >> 9 & 63;
    *first = get_bits(r, 1);
    if (is_irap(*type))
        get_bits(r, 1); // no_output_of_prior_pics_flag
    return get_ue(r);
}

static bool find_pps(const struct slice *s, uint32_t *id)
{
    struct reader r;
    unsigned type;
    bool first;

    *id = begin_header(&r, s, &type, &first);
    return !r.overrun && *id < 64;
}

static unsigned address_bits(const HEVCPicture *p)
{
    unsigned log2 = p->log2_min_luma_coding_block_size_minus3 + 3u + p->log2_diff_max_min_luma_coding_block_size;
    unsigned size = 1U << (log2 & 31), bits = 0;
    unsigned blocks = ((p->pic_width_in_luma_samples + size - 1) / size) *
                      ((p->pic_height_in_luma_samples + size - 1) / size);

    while ((1U << bits) < blocks)
        bits++;
    return bits;
}

// Moves r to short_term_ref_pic_set_sps_flag; false where a slice has none.
static bool find_set(struct reader *r, const struct slice *s, const HEVCPicture *p)
{
    unsigned type;
    bool first, dependent = false;

    begin_header(r, s, &type, &first);
    if (type == NAL_IDR_W_RADL || type == NAL_IDR_N_LP)
        return false;
    if (!first) {
        if (PARSING(p, dependent_slice_segments_enabled_flag))
            dependent = get_bits(r, 1);
        get_bits(r, address_bits(p));
    }
    if (dependent)
        return false;
    get_bits(r, p->num_extra_slice_header_bits);
    get_ue(r); // slice_type
    if (PARSING(p, output_flag_present_flag))
        get_bits(r, 1);
    get_bits(r, p->log2_max_pic_order_cnt_lsb_minus4 + 4u);
    return true;
}

static void skip_set(struct reader *r, const HEVCPicture *p)
{
    unsigned bits = 0;

    if (!get_bits(r, 1)) { // short_term_ref_pic_set_sps_flag
        for (uint32_t i = 0; i < p->st_rps_bits && !r->overrun; i++)
            get_bits(r, 1);
        return;
    }
    while ((1U << bits) < p->num_short_term_ref_pic_sets)
        bits++;
    get_bits(r, bits);
}

// What the syntax can say (7.4.8, delta_poc_s0_minus1).
#define MAX_DELTA 32768

struct reference {
    int32_t delta; // of picture order count, to the current picture
    bool used;     // by it; others are only kept
};

// The short-term references of one direction, nearest first.
static unsigned find_references(const HEVCPicture *p, bool after, struct reference list[15])
{
    const uint32_t skip = VA_PICTURE_HEVC_INVALID | VA_PICTURE_HEVC_LONG_TERM_REFERENCE | VA_PICTURE_HEVC_RPS_LT_CURR;
    unsigned count = 0, at;

    for (int i = 0; i < 15; i++) {
        const VAPictureHEVC *f = &p->ReferenceFrames[i];
        int64_t delta = (int64_t)f->pic_order_cnt - p->CurrPic.pic_order_cnt;

        if (f->flags & skip || f->picture_id == VA_INVALID_SURFACE || (delta > 0) != after)
            continue;
        if (!delta || delta > MAX_DELTA || delta < -MAX_DELTA)
            continue;
        for (at = count++; at && after == (list[at - 1].delta > delta); at--)
            list[at] = list[at - 1];
        list[at].delta = (int32_t)delta;
        list[at].used = f->flags & (VA_PICTURE_HEVC_RPS_ST_CURR_BEFORE | VA_PICTURE_HEVC_RPS_ST_CURR_AFTER);
    }
    return count;
}

static void put_references(struct writer *w, const struct reference *list, unsigned count)
{
    int32_t last = 0;

    for (unsigned i = 0; i < count; i++) {
        int32_t step = list[i].delta - last;

        put_ue(w, (uint32_t)(step < 0 ? -step : step) - 1);
        put_bits(w, 1, list[i].used);
        last = list[i].delta;
    }
}

// short_term_ref_pic_set(0) of 7.3.7, which cannot predict from another.
static void put_set(struct writer *w, const HEVCPicture *p)
{
    struct reference before[15], after[15];
    unsigned befores = find_references(p, false, before), afters = find_references(p, true, after);

    put_bits(w, 1, 0); // short_term_ref_pic_set_sps_flag
    put_ue(w, befores);
    put_ue(w, afters);
    put_references(w, before, befores);
    put_references(w, after, afters);
}

// The last one before the slice data is byte_alignment's.
static size_t find_alignment(struct reader r, size_t end)
{
    size_t last = 0;

    while (r.count < end && !r.overrun) {
        size_t at = r.count;

        if (get_bits(&r, 1))
            last = at;
    }
    return last;
}

static void copy_header(struct writer *w, struct reader *r, size_t until)
{
    while (r->count < until && !r->overrun)
        put_bits(w, 1, get_bits(r, 1));
}

// The slice with its reference picture set written out, in any case: so every
// stream proves it. Entry points count from the slice data, which does not
// change.
static VAStatus put_slice(struct writer *w, const struct slice *s, const HEVCPicture *p)
{
    const HEVCSlice *param = s->param;
    size_t end = (size_t)param->slice_data_byte_offset * 8, alignment;
    struct reader r, copy;

    put_start_code(w);
    if (!find_set(&r, s, p)) {
        put_verbatim(w, s->nalu, s->size);
        return r.overrun ? VA_STATUS_ERROR_DECODING_ERROR : VA_STATUS_SUCCESS;
    }
    reader_init(&copy, s->nalu, s->size);
    copy_header(w, &copy, r.count);
    skip_set(&r, p);
    put_set(w, p);
    alignment = find_alignment(r, end);
    copy_header(w, &r, alignment);
    put_trailing(w);
    while (r.count < end && !r.overrun)
        get_bits(&r, 1);
    if (r.overrun || r.count != end || alignment + 8 < end)
        return VA_STATUS_ERROR_DECODING_ERROR;
    put_verbatim(w, s->nalu + r.position, s->size - r.position);
    return VA_STATUS_SUCCESS;
}

static VAStatus put_all_pps(struct writer *w, const struct picture *p, const HEVCMatrix *m)
{
    bool done[64] = {false};
    uint32_t id;

    for (unsigned i = 0; i < p->count; i++) {
        if (!find_pps(&p->slices[i], &id))
            return VA_STATUS_ERROR_DECODING_ERROR;
        if (!done[id])
            put_pps(w, p->param, m, id);
        done[id] = true;
    }
    return VA_STATUS_SUCCESS;
}

// hevc_rebuild writes VPS, SPS, PPS and slice segments, in Annex B.
VAStatus hevc_rebuild(struct writer *w, const struct picture *p)
{
    const HEVCMatrix *m = p->iq_size >= sizeof(*m) ? p->iq : NULL;
    VAStatus status;

    if (p->param_size < sizeof(HEVCPicture))
        return VA_STATUS_ERROR_INVALID_BUFFER;
    if ((status = check(p->param)))
        return status;
    put_vps(w, p->param);
    put_sps(w, p->param);
    status = put_all_pps(w, p, m);
    for (unsigned i = 0; !status && i < p->count; i++)
        status = put_slice(w, &p->slices[i], p->param);
    return status;
}
