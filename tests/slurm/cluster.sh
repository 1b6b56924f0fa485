#!/bin/bash
# A cluster of Slurm for tests: two nodes of two processors, all of it on this machine's loopback, below one directory.
#
#   cluster.sh up DIR PORT             starts it; PORT and the two after it must be free
#   cluster.sh down DIR                ends it, and all jobs of it
#   cluster.sh kill DIR ctld|n1|n2     ends a daemon at once
#   cluster.sh start DIR ctld|n1|n2    starts it again
set -eu
verb=$1
dir=$(realpath -m "$2")
export SLURM_CONF=$dir/slurm.conf

start() {
  case $1 in
    ctld) slurmctld -f "$SLURM_CONF" ;;
    *) slurmd -f "$SLURM_CONF" -N "$1" ;;
  esac
}

# Waits until a process is gone; a zombie is.
gone() {
  while [ -e "/proc/$1/stat" ] && ! grep -qE '^[0-9]+ \(.*\) [ZX] ' "/proc/$1/stat"; do sleep 0.05; done
}

# Ends the daemon of a pid file with a signal.
end() {
  local pid
  [ -s "$dir/$1.pid" ] || return 0
  pid=$(cat "$dir/$1.pid")
  kill "-$2" "$pid" 2>/dev/null || return 0
  gone "$pid"
}

case $verb in
  up) ;;
  down)
    scancel -f -s KILL -u root 2>/dev/null || true
    scancel -u root 2>/dev/null || true
    for daemon in slurmd-n1 slurmd-n2 slurmctld munged; do end $daemon TERM; done
    exit 0 ;;
  kill)
    case $3 in ctld) end slurmctld KILL ;; *) end "slurmd-$3" KILL ;; esac
    exit 0 ;;
  start) start "$3"; exit 0 ;;
  *) echo "cluster.sh: no such verb: $verb" >&2; exit 2 ;;
esac

port=$3
mkdir -p "$dir"/{state,spool,munge}
chmod 700 "$dir/munge"
head -c 128 /dev/urandom > "$dir/munge/key"
chmod 400 "$dir/munge/key"
printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' > "$dir/cgroup.conf"
# Any character device passes for a GPU.
printf 'NodeName=n[1-2] Name=gpu File=/dev/null,/dev/zero\n' > "$dir/gres.conf"
cat > "$SLURM_CONF" <<CONF
ClusterName=t$port
SlurmctldHost=localhost(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$dir/munge/sock,cred_expire=5
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort=$port
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0,requeue_delay=0
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=10
InactiveLimit=0
KillWait=30
MinJobAge=300
OverTimeLimit=0
JobRequeue=1
MaxArraySize=2001
MaxJobCount=20000
UnkillableStepTimeout=10
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd-%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd-%n.log
GresTypes=gpu
NodeName=n[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=$((port + 1))-$((port + 2)) CPUs=2 RealMemory=500 Gres=gpu:2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10
CONF
munged --key-file="$dir/munge/key" --socket="$dir/munge/sock" --pid-file="$dir/munged.pid" --log-file="$dir/munged.log" \
  --seed-file="$dir/munge/seed" --num-threads=2 --force
until [ -S "$dir/munge/sock" ]; do sleep 0.05; done
start ctld
start n1
start n2
for _ in $(seq 1200); do
  [ "$(sinfo -h -N -p main -t idle -o %N 2>/dev/null | wc -l)" = 2 ] && exit 0
  sleep 0.1
done
echo "cluster.sh: the nodes did not come up; see the logs in $dir" >&2
exit 1
