// libcuda: streams, events, capture and graphs.
//
// Work runs at once, in the order of the calls; with SOFTWARE_CUDA_LAZY=1 it waits in one queue until
// something synchronizes, which shows results that are read, or buffers that are reused, too early.
#include "software_cuda.h"
#include <cstdio>
#include <cstring>
#include <deque>
#include <map>

namespace soft {

struct Event {
    bool timing, recorded = false, captured = false;
    std::chrono::steady_clock::time_point at;
    size_t ticket = 0;  // of the operation that sets it
    explicit Event(bool timing) : timing(timing) {}
};
struct Executable {
    std::vector<Node> nodes;
};

// How often what was done, if SOFTWARE_CUDA_COUNT names a file: added to it when the process ends.
static struct Counts {
    std::map<std::string, size_t> of;
    void add(const std::string& what) { of[what]++; }
    ~Counts() {
        std::FILE* file = of.empty() ? nullptr : std::fopen(setting("SOFTWARE_CUDA_COUNT", ""), "a");
        if (!file) return;
        for (auto& [what, count] : of) std::fprintf(file, "%zu %s\n", count, what.c_str());
        std::fclose(file);
    }
} counts;

static Handles<Stream> streams;
static Handles<Event> events;
static Handles<Graph> graphs;
static Handles<Executable> executables;

struct Queued {
    Node node;
    bool blocking;
    size_t ticket;
};
static std::deque<Queued> queue;
static size_t tickets = 0;  // operations ever queued

bool lazy() {
    static bool on = std::strcmp(setting("SOFTWARE_CUDA_LAZY", "0"), "1") == 0;
    return on;
}
static void run_one() {
    Node node = std::move(queue.front().node);
    queue.pop_front();
    counts.add(node.what);
    (*node.work)();
}
void drain() {
    while (!queue.empty()) run_one();
}
void drain_blocking() {
    std::deque<Queued> rest;
    while (!queue.empty()) {
        if (queue.front().blocking) {
            run_one();
        } else {
            rest.push_back(std::move(queue.front()));
            queue.pop_front();
        }
    }
    queue.swap(rest);
}
static bool finished(size_t ticket) { return queue.empty() || queue.front().ticket > ticket; }

Status valid(Stream* stream) {
    if (!stream) return SUCCESS;
    return streams.has(stream) && stream->device == current() ? SUCCESS : INVALID_HANDLE;
}
bool capturing(Stream* stream) { return stream && stream->capture != Stream::Idle; }

static Status refuse(Status why, bool (*concerned)(Stream*)) {
    Status status = SUCCESS;
    for (Stream* s : streams.live)
        if (capturing(s) && concerned(s)) s->capture = Stream::Invalidated, status = why;
    return status;
}
Status unsafe_call() {
    return refuse(CAPTURE_UNSUPPORTED, [](Stream* s) {
        return s->mode == 0 || (s->mode == 1 && s->captured_by == std::this_thread::get_id());
    });
}
Status legacy() {
    TRY(refuse(CAPTURE_IMPLICIT, [](Stream* s) { return s->blocking && s->device == current(); }));
    return unsafe_call();
}
Status synchronizing() {
    TRY(refuse(CAPTURE_UNSUPPORTED, [](Stream* s) { return s->device == current(); }));
    return drain(), SUCCESS;
}

Status enqueue(Stream* stream, std::string what, Work work) {
    TRY(valid(stream));
    if (!stream) TRY(refuse(CAPTURE_IMPLICIT, [](Stream* s) { return s->blocking && s->device == current(); }));
    if (stream && stream->capture == Stream::Invalidated) return CAPTURE_INVALIDATED;
    Node node{std::move(what), std::make_shared<Work>(std::move(work))};
    if (capturing(stream)) return stream->recorded.nodes.push_back(std::move(node)), SUCCESS;
    queue.push_back({std::move(node), !stream || stream->blocking, ++tickets});
    if (!lazy()) drain();
    return SUCCESS;
}

// Runs one operation when some wait, so that a loop that asks again and again ends.
static Status poll(size_t ticket) {
    if (finished(ticket)) return SUCCESS;
    run_one();
    return finished(ticket) ? SUCCESS : NOT_READY;
}

}  // namespace soft
using namespace soft;

API int cuStreamCreate(Stream** out, unsigned flags) {
    ENTRY(true);
    if (flags > 1) return INVALID_VALUE;
    return *out = streams.add(new Stream(current(), flags == 0)), SUCCESS;
}
API int cuStreamCreateWithPriority(Stream** out, unsigned flags, int) { return cuStreamCreate(out, flags); }
API int cuStreamDestroy_v2(Stream* stream) {
    ENTRY(false);
    if (lazy()) drain();
    return streams.remove(stream) ? SUCCESS : INVALID_HANDLE;
}
API int cuStreamSynchronize(Stream* stream) {
    ENTRY(true);
    TRY(valid(stream));
    if (!stream) TRY(legacy());
    if (capturing(stream)) return stream->capture = Stream::Invalidated, CAPTURE_UNSUPPORTED;
    counts.add("(wait for all)");
    return drain(), SUCCESS;
}
API int cuStreamQuery(Stream* stream) {
    ENTRY(true);
    TRY(valid(stream));
    if (capturing(stream)) return stream->capture = Stream::Invalidated, CAPTURE_UNSUPPORTED;
    return poll(tickets);
}
API int cuStreamWaitEvent(Stream* stream, Event* event, unsigned) {
    ENTRY(true);
    TRY(valid(stream));
    return events.has(event) ? SUCCESS : INVALID_HANDLE;  // all work runs in the order of the calls
}

API int cuEventCreate(Event** out, unsigned flags) {
    ENTRY(true);
    return *out = events.add(new Event((flags & 2) == 0)), SUCCESS;
}
API int cuEventDestroy_v2(Event* event) {
    ENTRY(false);  // waits for nothing, as on a GPU: what is queued asks whether the event is still there
    return events.remove(event) ? SUCCESS : INVALID_HANDLE;
}
API int cuEventRecord(Event* event, Stream* stream) {
    ENTRY(true);
    if (!events.has(event)) return INVALID_HANDLE;
    event->captured = capturing(stream);
    if (!event->captured) event->recorded = true;
    TRY(enqueue(stream, "event", [event] {
        if (events.has(event)) event->at = std::chrono::steady_clock::now();
    }));
    return event->ticket = tickets, SUCCESS;
}
API int cuEventQuery(Event* event) {
    ENTRY(false);
    if (!events.has(event)) return INVALID_HANDLE;
    if (event->captured) return CAPTURED_EVENT;
    TRY(unsafe_call());
    return poll(event->ticket);
}
API int cuEventSynchronize(Event* event) {
    ENTRY(false);
    if (!events.has(event)) return INVALID_HANDLE;
    if (event->captured) return CAPTURED_EVENT;
    TRY(unsafe_call());
    counts.add("(wait for an event)");
    while (!finished(event->ticket)) run_one();
    return SUCCESS;
}
API int cuEventElapsedTime_v2(float* milliseconds, Event* start, Event* end) {
    ENTRY(false);
    for (Event* event : {start, end})
        if (!events.has(event) || !event->timing || !event->recorded) return INVALID_HANDLE;
    if (!finished(start->ticket) || !finished(end->ticket)) return NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(end->at - start->at).count();
    return SUCCESS;
}
API int cuEventElapsedTime(float* ms, Event* start, Event* end) { return cuEventElapsedTime_v2(ms, start, end); }

API int cuStreamBeginCapture_v2(Stream* stream, int mode) {
    ENTRY(true);
    if (!stream) return CAPTURE_UNSUPPORTED;
    TRY(valid(stream));
    if (mode < 0 || mode > 2) return INVALID_VALUE;
    if (capturing(stream)) return stream->capture = Stream::Invalidated, INVALID_VALUE;
    stream->capture = Stream::Capturing;
    stream->mode = mode;
    stream->captured_by = std::this_thread::get_id();
    return SUCCESS;
}
API int cuStreamEndCapture(Stream* stream, Graph** out) {
    ENTRY(true);
    *out = nullptr;
    TRY(valid(stream));
    if (!capturing(stream)) return CAPTURE_UNMATCHED;
    bool good = stream->capture == Stream::Capturing;
    Graph recorded;
    std::swap(recorded, stream->recorded);
    stream->capture = Stream::Idle;
    if (!good || fails("capture")) return CAPTURE_INVALIDATED;
    return *out = graphs.add(new Graph(std::move(recorded))), SUCCESS;
}
API int cuStreamIsCapturing(Stream* stream, int* status) {
    ENTRY(true);
    TRY(valid(stream));
    return *status = stream ? (int)stream->capture : 0, SUCCESS;
}
API int cuThreadExchangeStreamCaptureMode(int*) { return NOT_SUPPORTED; }

API int cuGraphInstantiateWithFlags(Executable** out, Graph* graph, unsigned long long) {
    ENTRY(true);
    if (!graphs.has(graph)) return INVALID_VALUE;
    if (fails("instantiate")) return NOT_SUPPORTED;
    return *out = executables.add(new Executable{graph->nodes}), SUCCESS;
}
API int cuGraphUpload(Executable* graph, Stream* stream) {
    ENTRY(true);
    TRY(valid(stream));
    return executables.has(graph) ? SUCCESS : INVALID_VALUE;
}
API int cuGraphLaunch(Executable* graph, Stream* stream) {
    ENTRY(true);
    if (!executables.has(graph)) return INVALID_VALUE;
    counts.add("(launch of a graph)");
    for (Node& node : graph->nodes) TRY(enqueue(stream, node.what, [work = node.work] { (*work)(); }));
    return SUCCESS;
}
API int cuGraphExecDestroy(Executable* graph) {
    ENTRY(false);
    return executables.remove(graph) ? SUCCESS : INVALID_VALUE;
}
API int cuGraphDestroy(Graph* graph) {
    ENTRY(false);
    return graphs.remove(graph) ? SUCCESS : INVALID_VALUE;
}
API int cuGraphGetNodes(Graph* graph, Node** nodes, size_t* count) {
    ENTRY(false);
    if (!graphs.has(graph)) return INVALID_VALUE;
    size_t room = nodes ? *count : 0, all = graph->nodes.size();
    for (size_t i = 0; i < room; i++) nodes[i] = i < all ? &graph->nodes[i] : nullptr;
    return *count = nodes && room < all ? room : all, SUCCESS;
}
