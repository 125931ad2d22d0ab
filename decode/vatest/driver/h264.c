// Parameter sets of H.264 from VA-API's structures (ITU-T H.264, 7.3.2).
// Slices are taken as they are, so what their headers are parsed with must
// come out as the stream had it; what only decides output order is left out.
#include "vatest.h"

#define NAL_IDR 5
#define NAL_SPS 0x67
#define NAL_PPS 0x68

// The profile that has every tool of those offered, and a level above all.
#define PROFILE_HIGH 100
#define LEVEL_MAX 62

enum { SLICE_P, SLICE_B, SLICE_I, SLICE_SP, SLICE_SI };

typedef VAPictureParameterBufferH264 H264Picture;
typedef VASliceParameterBufferH264 H264Slice;
typedef VAIQMatrixBufferH264 H264Matrix;

static const uint8_t zigzag4x4[16] = {0, 1, 4, 8, 5, 2, 3, 6, 9, 12, 13, 10, 7, 11, 14, 15};

static const uint8_t zigzag8x8[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
};

// What of a slice header (7.3.3) the rebuilt sets depend on.
struct header {
    uint32_t type, pps;
    bool override; // of the number of references
};

static VAStatus check(const H264Picture *p)
{
    if (!p->seq_fields.bits.frame_mbs_only_flag || p->pic_fields.bits.field_pic_flag)
        return VA_STATUS_ERROR_UNIMPLEMENTED; // interlaced
    if (p->seq_fields.bits.chroma_format_idc != 1 || p->bit_depth_luma_minus8 || p->bit_depth_chroma_minus8)
        return VA_STATUS_ERROR_UNSUPPORTED_RT_FORMAT;
    if (p->seq_fields.bits.pic_order_cnt_type == 1)
        return VA_STATUS_ERROR_UNIMPLEMENTED; // VA-API leaves its offsets out
    if (p->num_ref_frames > 16)
        return VA_STATUS_ERROR_INVALID_PARAMETER;
    return VA_STATUS_SUCCESS;
}

static void skip_order(struct reader *r, const H264Picture *p)
{
    if (p->seq_fields.bits.pic_order_cnt_type)
        return;
    get_bits(r, p->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4 + 4u);
    if (p->pic_fields.bits.pic_order_present_flag)
        get_ue(r); // delta_pic_order_cnt_bottom, signed
}

static bool parse_header(struct header *h, const struct slice *s, const H264Picture *p)
{
    struct reader r;
    unsigned nal;

    reader_init(&r, s->nalu, s->size);
    nal = get_bits(&r, 8) & 31;
    get_ue(&r); // first_mb_in_slice
    h->type = get_ue(&r) % 5;
    h->pps = get_ue(&r);
    get_bits(&r, p->seq_fields.bits.log2_max_frame_num_minus4 + 4u);
    if (nal == NAL_IDR)
        get_ue(&r); // idr_pic_id
    skip_order(&r, p);
    if (p->pic_fields.bits.redundant_pic_cnt_present_flag)
        get_ue(&r);
    if (h->type == SLICE_B)
        get_bits(&r, 1); // direct_spatial_mv_pred_flag
    h->override = h->type != SLICE_I && h->type != SLICE_SI && get_bits(&r, 1);
    return !r.overrun && h->pps < 256;
}

static void put_sps(struct writer *w, const H264Picture *p)
{
    put_start_code(w);
    put_bits(w, 8, NAL_SPS);
    put_bits(w, 8, PROFILE_HIGH);
    put_bits(w, 8, 0); // constraint flags
    put_bits(w, 8, LEVEL_MAX);
    put_ue(w, 0); // seq_parameter_set_id
    put_ue(w, p->seq_fields.bits.chroma_format_idc);
    put_ue(w, p->bit_depth_luma_minus8);
    put_ue(w, p->bit_depth_chroma_minus8);
    put_bits(w, 1, 0); // qpprime_y_zero_transform_bypass_flag
    put_bits(w, 1, 0); // seq_scaling_matrix_present_flag: they are in the PPS
    put_ue(w, p->seq_fields.bits.log2_max_frame_num_minus4);
    put_ue(w, p->seq_fields.bits.pic_order_cnt_type);
    if (p->seq_fields.bits.pic_order_cnt_type == 0)
        put_ue(w, p->seq_fields.bits.log2_max_pic_order_cnt_lsb_minus4);
    put_ue(w, p->num_ref_frames);
    put_bits(w, 1, p->seq_fields.bits.gaps_in_frame_num_value_allowed_flag);
    put_ue(w, p->picture_width_in_mbs_minus1);
    put_ue(w, p->picture_height_in_mbs_minus1);
    put_bits(w, 1, 1); // frame_mbs_only_flag
    put_bits(w, 1, p->seq_fields.bits.direct_8x8_inference_flag);
    put_bits(w, 1, 0); // frame_cropping_flag: surfaces hold all of it
    put_bits(w, 1, 0); // vui_parameters_present_flag
    put_trailing(w);
}

// A list is coded as differences modulo 256 (7.3.2.1.1.1). A first 0 would
// mean the default list and a later one a repetition; VA-API's are never 0.
static bool put_list(struct writer *w, const uint8_t *list, const uint8_t *scan, unsigned size)
{
    uint8_t last = 8;

    put_bits(w, 1, 1); // pic_scaling_list_present_flag
    for (unsigned i = 0; i < size; i++) {
        uint8_t value = list[scan[i]];

        if (!value)
            return false;
        put_se(w, (int8_t)(value - last));
        last = value;
    }
    return true;
}

static bool flat(const H264Matrix *m)
{
    for (unsigned i = 0; i < sizeof(m->ScalingList4x4); i++)
        if (m->ScalingList4x4[i / 16][i % 16] != 16)
            return false;
    for (unsigned i = 0; i < sizeof(m->ScalingList8x8); i++)
        if (m->ScalingList8x8[i / 64][i % 64] != 16)
            return false;
    return true;
}

static bool put_matrix(struct writer *w, const H264Matrix *m, bool transform8x8)
{
    bool ok = true;

    put_bits(w, 1, m && !flat(m)); // pic_scaling_matrix_present_flag
    if (!m || flat(m))
        return true;
    for (int i = 0; ok && i < 6; i++)
        ok = put_list(w, m->ScalingList4x4[i], zigzag4x4, 16);
    for (int i = 0; ok && transform8x8 && i < 2; i++)
        ok = put_list(w, m->ScalingList8x8[i], zigzag8x8, 64);
    return ok;
}

// references are the default numbers less one, of lists 0 and 1.
static bool put_pps(struct writer *w, const H264Picture *p, const H264Matrix *m, uint32_t id,
                    const uint8_t references[2])
{
    bool ok;

    put_start_code(w);
    put_bits(w, 8, NAL_PPS);
    put_ue(w, id);
    put_ue(w, 0); // seq_parameter_set_id
    put_bits(w, 1, p->pic_fields.bits.entropy_coding_mode_flag);
    put_bits(w, 1, p->pic_fields.bits.pic_order_present_flag);
    put_ue(w, 0); // num_slice_groups_minus1
    put_ue(w, references[0]);
    put_ue(w, references[1]);
    put_bits(w, 1, p->pic_fields.bits.weighted_pred_flag);
    put_bits(w, 2, p->pic_fields.bits.weighted_bipred_idc);
    put_se(w, p->pic_init_qp_minus26);
    put_se(w, p->pic_init_qs_minus26);
    put_se(w, p->chroma_qp_index_offset);
    put_bits(w, 1, p->pic_fields.bits.deblocking_filter_control_present_flag);
    put_bits(w, 1, p->pic_fields.bits.constrained_intra_pred_flag);
    put_bits(w, 1, p->pic_fields.bits.redundant_pic_cnt_present_flag);
    put_bits(w, 1, p->pic_fields.bits.transform_8x8_mode_flag);
    ok = put_matrix(w, m, p->pic_fields.bits.transform_8x8_mode_flag);
    put_se(w, p->second_chroma_qp_index_offset);
    put_trailing(w);
    return ok;
}

// The PPS's default numbers of references show in slices without override.
static bool find_defaults(const struct picture *p, uint8_t references[2])
{
    for (unsigned i = 0; i < p->count; i++) {
        const H264Slice *s = p->slices[i].param;
        struct header h;

        if (!parse_header(&h, &p->slices[i], p->param))
            return false;
        if (h.override || h.type == SLICE_I || h.type == SLICE_SI)
            continue;
        references[0] = s->num_ref_idx_l0_active_minus1 & 31;
        if (h.type == SLICE_B)
            references[1] = s->num_ref_idx_l1_active_minus1 & 31;
    }
    return true;
}

static VAStatus put_all_pps(struct writer *w, const struct picture *p, const H264Matrix *m)
{
    uint8_t references[2] = {0, 0};
    bool done[256] = {false};

    if (!find_defaults(p, references))
        return VA_STATUS_ERROR_DECODING_ERROR;
    for (unsigned i = 0; i < p->count; i++) {
        struct header h;

        if (!parse_header(&h, &p->slices[i], p->param))
            return VA_STATUS_ERROR_DECODING_ERROR;
        if (!done[h.pps] && !put_pps(w, p->param, m, h.pps, references))
            return VA_STATUS_ERROR_INVALID_PARAMETER;
        done[h.pps] = true;
    }
    return VA_STATUS_SUCCESS;
}

// h264_rebuild writes SPS, PPS and slices, in Annex B.
VAStatus h264_rebuild(struct writer *w, const struct picture *p)
{
    const H264Matrix *m = p->iq_size >= sizeof(*m) ? p->iq : NULL;
    VAStatus status;

    if (p->param_size < sizeof(H264Picture))
        return VA_STATUS_ERROR_INVALID_BUFFER;
    if ((status = check(p->param)))
        return status;
    put_sps(w, p->param);
    if ((status = put_all_pps(w, p, m)))
        return status;
    for (unsigned i = 0; i < p->count; i++) {
        put_start_code(w);
        put_verbatim(w, p->slices[i].nalu, p->slices[i].size);
    }
    return VA_STATUS_SUCCESS;
}
